"""Terraform in tests: a copy of `infra/` in a folder of its own, initialised with whatever provider this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from tests.aws_server import KEYS, WORKGROUP, AwsServer, aws_server

ROOT = Path(__file__).resolve().parent.parent
PROVIDER = "registry.terraform.io/hashicorp/aws"
PLUGIN_FOLDERS = (
    Path("/opt/tf-plugins"),
    Path("/opt/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    Path("/usr/local/share/terraform/plugins"),
    Path.home() / ".terraform.d" / "plugins",
)


def plugin_folder() -> Path | None:
    """The folder that holds registry.terraform.io: what TF_PLUGIN_DIR names, else the first place that has the provider."""
    named = os.environ.get("TF_PLUGIN_DIR")
    places = [Path(named)] if named else list(PLUGIN_FOLDERS)
    return next((place for place in places if (place / PROVIDER).is_dir()), None)


class TerraformError(Exception):
    """A command that failed, with what it said."""


class Terraform:
    """One initialised working folder; commands run in it, away from the repository."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder / "infra"
        shutil.copytree(ROOT / "infra", self.folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
        shutil.copytree(ROOT / "sql" / "views", folder / "sql" / "views")
        # A configuration file that is named but missing is a warning on every command.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
        self.environ = inherited | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"} | dict(environ or {})

    def init(self) -> None:
        """Get the provider: from a folder where there is one, else from the registry.

        Raises:
            TerraformError: there is none to be had.
        """
        plugins = plugin_folder()
        self.run("init", "-no-color", *([f"-plugin-dir={plugins}"] if plugins else []), timeout_s=120)

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), timeout_s: float = 300) -> str:
        """What a command printed.

        Raises:
            TerraformError: its exit code is none of `codes`, or it took too long.
        """
        try:
            done = subprocess.run(
                ["terraform", *arguments], cwd=self.folder, env=self.environ, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformError(f"terraform {arguments[0]} ran longer than {timeout_s:.0f} s") from error
        if done.returncode not in codes:
            raise TerraformError(f"terraform {arguments[0]} ended with {done.returncode}\n{(done.stdout + done.stderr)[-6000:]}")
        return done.stdout

    def outputs(self) -> dict[str, Any]:
        return {name: it["value"] for name, it in json.loads(self.run("output", "-json")).items()}

    def resources(self) -> list[dict[str, Any]]:
        """Every resource of the state: address, type, values."""
        module: dict[str, Any] = json.loads(self.run("show", "-json")).get("values", {}).get("root_module", {})
        return [resource for resource in module.get("resources", []) if resource["mode"] == "managed"]


@contextmanager
def aws_for_terraform() -> Iterator[AwsServer]:
    """AWS on loopback, with two things that Terraform needs and moto lacks: databases that differ, named queries that go."""
    import moto.backends  # noqa: F401 its registry must exist before its parts are imported
    from moto.athena.responses import AthenaResponse
    from moto.rds.models import DBInstance

    begin = DBInstance.__init__

    def with_own_id(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        self.dbi_resource_id = f"db-{uuid4().hex[:26].upper()}"

    def delete_named_query(self: Any) -> str:
        self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
        return "{}"

    with ExitStack() as stack:
        stack.enter_context(patch.object(DBInstance, "__init__", with_own_id))
        stack.enter_context(patch.object(AthenaResponse, "delete_named_query", delete_named_query, create=True))
        server = stack.enter_context(aws_server())
        # Terraform makes its own of the same name.
        server.client("athena").delete_work_group(WorkGroup=WORKGROUP)
        yield server


def environment(server: AwsServer) -> dict[str, str]:
    """What Terraform needs to take the server for AWS, and to leave out what moto does not have: budgets hang there."""
    return KEYS | {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "TF_VAR_aws_endpoint_url": server.url,
        "TF_VAR_deletion_protection": "false",
        "TF_VAR_enable_budget": "false",
        "TF_VAR_force_destroy": "true",
        "TF_VAR_secret_seed": "drawn at random, as far as tests go",
    }
