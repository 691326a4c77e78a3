"""An interpreter as managed Airflow has it: what Airflow and pydantic need is installed, and none of the pipeline's packages."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PRESENT = ("apache-airflow-core", "apache-airflow-task-sdk", "apache-airflow-providers-standard", "pydantic")
#: Put before a script: what is named in the first argument, by comma, cannot be imported.
HIDING = """
import importlib.abc, sys
hidden = set(sys.argv[1].split(","))

class Hiding(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hiding())
"""


@cache
def list_absent() -> tuple[str, ...]:
    """The top-level modules installed here of which neither Airflow nor pydantic, nor what they require, has any."""
    present: set[str] = set()
    waiting = [canonicalize_name(name) for name in PRESENT]
    while waiting:
        name = waiting.pop()
        if name not in present and (requires := _requires(name)) is not None:
            present.add(name)
            waiting += requires
    owners = {module: {canonicalize_name(owner) for owner in who} for module, who in metadata.packages_distributions().items()}
    return tuple(sorted(module for module, who in owners.items() if not who & present))


def _requires(name: str) -> list[str] | None:
    """What a distribution requires on this machine, without its extras; None where it is not installed."""
    try:
        lines = metadata.distribution(name).requires or []
    except metadata.PackageNotFoundError:
        return None
    asked = [Requirement(line) for line in lines]
    return [canonicalize_name(each.name) for each in asked if each.marker is None or each.marker.evaluate({"extra": ""})]
