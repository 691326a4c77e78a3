"""Turn Terraform's outputs into the pipeline's settings, as lines of an environment file.

terraform -chdir=infra output -json | .venv/bin/python -m tools.settings_from_terraform > headroom.env
set -a; source headroom.env; set +a; .venv/bin/python -m pipeline settings
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from pipeline import plugs
from pipeline import settings as settings_module
from pipeline.errors import ConfigError, HeadroomError
from pipeline.given import PREFIX


def environment(outputs: Mapping[str, Any]) -> dict[str, str]:
    """The `HEADROOM_*` variables that Terraform's outputs say, checked as the pipeline will check them.

    Args:
        outputs: what `terraform output -json` prints.

    Raises:
        ConfigError: no output `settings`, or one that is no setting of the pipeline, no option of a plug, or out of bounds.
    """
    said = outputs.get("settings", {}).get("value")
    if not isinstance(said, dict):
        raise ConfigError(f"no output named settings; there are {', '.join(sorted(outputs)) or 'none: nothing is applied'}")
    variables = {str(name): str(value) for name, value in sorted(said.items())}
    if stray := [name for name in variables if not name.startswith(PREFIX)]:
        raise ConfigError(f"the output settings has {', '.join(stray)}; expected names that start with {PREFIX}")
    plugs.check_all_options(settings_module.load(variables))
    return variables


def main() -> int:
    try:
        variables = environment(json.load(sys.stdin))
    except json.JSONDecodeError as error:
        print(f"expected what `terraform output -json` prints, got: {error}", file=sys.stderr)
        return 2
    except HeadroomError as error:
        print(error, file=sys.stderr)
        return 2
    for name, value in variables.items():
        print(f"{name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
