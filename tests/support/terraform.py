"""Terraform in tests: a copy of `infra/` in a folder of its own, initialised with whatever provider this machine has."""

from __future__ import annotations

import copy
import importlib.util
import inspect
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import IO, Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.support import iam
from tests.support.aws_server import KEYS, WORKGROUP, AwsServer, aws_server

ROOT = Path(__file__).resolve().parent.parent.parent
# Modules that are deployed into Airflow.
DEPLOYED = ROOT / "infra" / "airflow"
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


@dataclass(frozen=True)
class Begun:
    """A command at work, and the file that it talks to: a pipe that nobody reads would stop it when it is full."""

    process: subprocess.Popen[str]
    log: IO[str]

    def finished(self, codes: tuple[int, ...] = (0,), timeout_s: float = 300) -> str:
        """What it said, once it has ended.

        Raises:
            TerraformError: its exit code is none of `codes`, or it took too long.
        """
        with self.log:
            try:
                end = f"ended with {self.process.wait(timeout=timeout_s)}"
            except subprocess.TimeoutExpired:
                self.stop()
                end = f"ran longer than {timeout_s:.0f} s"
            self.log.seek(0)
            said = self.log.read()
        if self.process.returncode not in codes:
            raise TerraformError(f"{self.process.args!r} {end}\n{said[-6000:]}")
        return said

    def stop(self) -> None:
        """End it where it has not ended, and whatever it began."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def begin(command: list[str], folder: Path, environ: Mapping[str, str]) -> Begun:
    """Begin a command that is Terraform, or calls it."""
    # What the machine's own variables say about Terraform, AWS or the pipeline is not meant for tests.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_", "HEADROOM_"))}
    quiet = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115 it lives as long as the command
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, **quiet, **environ},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    return Begun(process, log)


@dataclass(frozen=True)
class Terraform:
    """One working folder, and the environment that commands run with; the repository stays clean."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def copied(cls, to: Path) -> Terraform:
        """A copy of `infra/`, and of the views that it reads beside itself."""
        leave = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars")
        shutil.copytree(ROOT / "infra", to / "infra", ignore=leave)
        shutil.copytree(ROOT / "sql" / "views", to / "sql" / "views")
        return cls(to / "infra")

    @classmethod
    def ready(cls, to: Path) -> Terraform:
        """An initialised copy; the test is skipped, and says why, where this machine has none to offer."""
        if shutil.which("terraform") is None:
            pytest.skip("terraform is not installed: infra/ is not tested")
        machine = cls.copied(to)
        try:
            machine.init()
        except TerraformError as error:
            pytest.skip(f"no AWS provider for terraform on this machine: infra/ is not tested ({str(error)[-300:]})")
        return machine

    def on(self, server: AwsServer) -> Terraform:
        """The same folder, with the server in place of AWS."""
        return replace(self, environ=environment(server))

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
        return self.start(*arguments).finished(codes, timeout_s)

    def start(self, *arguments: str) -> Begun:
        """Begin a command; `finished` waits for it."""
        return begin(["terraform", *arguments], self.folder, self.environ)

    def outputs(self) -> dict[str, Any]:
        return {name: it["value"] for name, it in json.loads(self.run("output", "-json")).items()}

    def resources(self) -> list[dict[str, Any]]:
        """Every resource of the state: address, type, values."""
        module: dict[str, Any] = json.loads(self.run("show", "-json")).get("values", {}).get("root_module", {})
        return [resource for resource in module.get("resources", []) if resource["mode"] == "managed"]


@contextmanager
def aws_for_terraform() -> Iterator[AwsServer]:
    """AWS on loopback that remembers what Terraform told it, as moto alone does not always, and heeds the policies of buckets."""
    with ExitStack() as stack:
        for patched in _remembering():
            stack.enter_context(patched)
        server = stack.enter_context(aws_server())
        # Terraform makes its own of the same name.
        server.client("athena").delete_work_group(WorkGroup=WORKGROUP)
        yield server


def _remembering() -> list[Any]:
    """What moto takes and forgets, or lacks: a second plan would see it as drift."""
    import moto.backends  # noqa: F401 its registry must exist before its parts are imported
    from moto.athena.responses import AthenaResponse
    from moto.ec2.models.security_groups import SecurityGroupRule
    from moto.ecs.models import Service
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication
    from moto.rds.models import DBInstance, DBParameterGroup
    from moto.s3.models import FakeBucket, FakeDeleteMarker
    from moto.s3.responses import S3Response

    def database(self: Any, **told: Any) -> None:
        self.dbi_resource_id = f"db-{uuid4().hex[:26].upper()}"  # moto gives all of them one
        self.performance_insights_enabled = told.get("enable_performance_insights", False)
        self.performance_insights_kms_key_id = told.get("performance_insights_kms_key_id")

    def rule(self: Any, **told: Any) -> None:
        ends = (told.get(end) or {} for end in ("ip_range", "source_group", "prefix_list_id"))
        self.told = next((end["Description"] for end in ends if "Description" in end), None)

    def service(self: Any, **_told: Any) -> None:
        self.availability_zone_rebalancing = "DISABLED"

    update_parameters = DBParameterGroup.update_parameters

    def marked(self: Any, parameters: Any) -> None:
        update_parameters(self, [{**parameter, "Source": "user"} for parameter in parameters])

    def delete_named_query(self: Any) -> str:
        self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
        return "{}"

    about_bucket, watched = S3Response._bucket_response, {}

    def with_metrics(self: Any, request: Any, full_url: str) -> Any:
        query = parse_qs(urlsplit(full_url).query, keep_blank_values=True)
        if "metrics" not in query:
            return about_bucket(self, request, full_url)
        # moto takes these calls for calls about the bucket itself, and deletes it.
        metric = self.parse_bucket_name_from_url(request, full_url), query["id"][0]
        if request.method == "PUT":
            watched[metric] = request.get_data()
        elif request.method == "DELETE":
            watched.pop(metric, None)
            return 204, {}, ""
        elif metric not in watched:
            return 404, {}, "<Error><Code>NoSuchConfiguration</Code><Message>there is none</Message></Error>"
        return 200, {}, watched[metric]

    answer, answers = DomainDispatcherApplication.__call__, defaultdict[str, _Answer](_Answer)

    def once(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID", "")
        if environ["REQUEST_METHOD"] != "POST" or not call:
            return answer(self, environ, start_response)
        return answers[call].given(lambda begin: answer(self, environ, begin), start_response)

    return [
        # A busy machine breaks a connection now and then: the client asks again, and would hear that what it asked for is there.
        patch.object(DomainDispatcherApplication, "__call__", once),
        _afterwards(DBInstance, database),
        _afterwards(SecurityGroupRule, rule),
        _afterwards(Service, service),
        patch.object(SecurityGroupRule, "description", property(lambda self: self.told)),
        patch.object(DBParameterGroup, "update_parameters", marked),
        patch.object(AthenaResponse, "delete_named_query", delete_named_query, create=True),
        patch.object(FakeBucket, "get_permission", _permission),
        # A bucket with deleted objects could not be emptied.
        patch.object(FakeDeleteMarker, "dispose", lambda _self: None, create=True),
        patch.object(S3Response, "_bucket_response", with_metrics),
        # A list of versions would copy the bytes of every object in the bucket.
        patch("moto.s3.models.copy", SimpleNamespace(copy=copy.copy, deepcopy=list)),
    ]


@dataclass
class _Answer:
    """What was said to a call; the same call, sent again, hears the same and changes nothing."""

    one: Lock = field(default_factory=Lock)
    head: tuple[Any, ...] = ()
    body: bytes = b""

    def given(self, answer: Callable[[Callable[..., None]], Iterable[bytes]], start_response: Any) -> list[bytes]:
        with self.one:
            if not self.head or not self.head[0].startswith("2"):
                heads: list[tuple[Any, ...]] = []
                self.body = b"".join(answer(lambda *head: heads.append(head)))
                (self.head,) = heads
        start_response(*self.head)
        return [self.body]


def _permission(bucket: Any, action: str, resource: str) -> Any:
    """What a bucket's policy says to the call that is being answered. moto itself looks at no condition.

    The server takes itself to stand behind TLS: what does not is the evaluator's tests' business.
    """
    from flask import request
    from moto.iam.access_control import PermissionResult

    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    context = {"aws:SecureTransport": "true", "s3:ObjectCreationOperation": str("partNumber" not in request.args).lower()}
    if "If-None-Match" in request.headers:
        context["s3:if-none-match"] = request.headers["If-None-Match"]
    asked = iam.Request(f"s3:{action.removeprefix('s3:')}", resource, context)
    effects = iam.effects(asked, [json.loads(bucket.policy)])
    if "Deny" in effects:
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if "Allow" in effects else PermissionResult.NEUTRAL


def _afterwards(kind: Any, also: Callable[..., None]) -> Any:
    """A patch: whenever one of a kind is made, this is done to it too, with what it was told."""
    begin = kind.__init__
    names = inspect.signature(begin)

    def begun(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        told = names.bind(self, *args, **options).arguments
        also(self, **{name: value for name, value in (told | told.get("kwargs", {})).items() if name != "self"})

    return patch.object(kind, "__init__", begun)


def deployed(name: str) -> ModuleType:
    """A module of those that are deployed into Airflow, which are on no path here."""
    spec = importlib.util.spec_from_file_location(name, DEPLOYED / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
