"""`infra/` is formatted, valid, says what it should without an AWS, passes the scanner, and stands up, stays and goes on one.

The AWS is moto's server on loopback: it proves that the resources are accepted, read back and deleted, and that the pipeline
runs on their outputs. It has no MWAA, starts no container, and enforces no policy; policies are evaluated here, by `tests.iam`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline import settings as settings_module
from pipeline import steps, tables
from pipeline.interval import Interval
from pipeline.lake import open_lake
from tests.aws_server import KEYS, AwsServer
from tests.iam import Request, allowed, many, statements
from tests.terraform import ROOT, Terraform, TerraformError, aws_for_terraform
from tools.settings_from_terraform import environment

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("terraform")]

CHECKOV = "3.3.30"
ACCOUNT = "123456789012"
LAKE = f"arn:aws:s3:::headroom-lake-{ACCOUNT}-us-east-1"
RESULTS = f"arn:aws:s3:::headroom-results-{ACCOUNT}-us-east-1"
MODELS = f"arn:aws:s3:::headroom-mlflow-{ACCOUNT}-us-east-1"
STEP_ROLES = ("ingest", "transform", "trainer", "publisher")
ROLES = (*STEP_ROLES, "analyst")
FAST = ("-no-color", "-parallelism=30")


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """An initialised working folder, shared by all tests here."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: infra/ is not tested")
    machine = Terraform.copied(tmp_path_factory.mktemp("terraform"))
    try:
        machine.init()
    except TerraformError as error:
        pytest.skip(f"no AWS provider for terraform on this machine: infra/ is not tested ({str(error)[-300:]})")
    return machine


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_terraform() as server:
        yield server


@pytest.fixture(scope="module")
def applying(terraform: Terraform, aws: AwsServer) -> Iterator[subprocess.Popen[str]]:
    """Everything, being applied in the background: most of its time is the provider's own waiting."""
    process = terraform.on(aws).start("apply", "-auto-approve", *FAST)
    yield process
    if process.poll() is None:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def applied(terraform: Terraform, aws: AwsServer, applying: subprocess.Popen[str]) -> Terraform:
    """The folder, once everything stands."""
    live = terraform.on(aws)
    live.finished(applying)
    return live


@pytest.fixture(scope="module")
def resources(applied: Terraform) -> dict[str, dict[str, Any]]:
    """Values of every resource that stands, by address."""
    return {resource["address"]: resource["values"] for resource in applied.resources()}


@pytest.fixture(scope="module")
def policies(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The identity policies that stand, by role."""
    found = (values for address, values in resources.items() if address.startswith("aws_iam_role_policy."))
    return {values["role"].removeprefix("headroom-"): json.loads(values["policy"]) for values in found}


@pytest.fixture(scope="module")
def lake_policy(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(resources['aws_s3_bucket_policy.this["lake"]']["policy"])
    return policy


# ---------------------------------------------------------------- without an AWS


def test_the_configuration_is_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed: infra/ is not tested")
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", "-diff", "infra"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("applying")
def test_the_configuration_is_valid_and_warns_of_nothing(terraform: Terraform) -> None:
    said = json.loads(terraform.run("validate", "-json"))
    assert said["valid"], said["diagnostics"]
    assert said["diagnostics"] == []


@pytest.mark.usefixtures("applying")
def test_names_and_policies_are_as_described_for_every_orchestrator(terraform: Terraform) -> None:
    said = terraform.run("test", "-no-color")
    assert "4 passed, 0 failed" in said, said[-4000:]


def test_every_variable_and_output_says_what_it_is() -> None:
    for file in (ROOT / "infra").glob("*.tf"):
        for block in file.read_text().split("\n\n"):
            if block.lstrip().startswith(("variable ", "output ")):
                assert "description =" in block, f"{file.name}: {block.splitlines()[0]}"


@pytest.fixture(scope="module")
def checkov() -> Path:
    """The scanner, in an environment of its own: its dependencies are at odds with the project's."""
    home = ROOT / "var" / "tools" / f"checkov-{CHECKOV}"
    scanner = home / "bin" / "checkov"
    if not scanner.exists():
        uv = Path(sys.executable).with_name("uv")
        into = ["--python", home / "bin" / "python", "--compile-bytecode", f"checkov=={CHECKOV}"]
        try:
            subprocess.run([sys.executable, "-m", "venv", home], check=True, capture_output=True)
            subprocess.run([uv, "pip", "install", *into], check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(home, ignore_errors=True)
            pytest.skip(f"checkov {CHECKOV} cannot be installed here: infra/ is not scanned ({error})")
    return scanner


def scanned(checkov: Path, framework: str, *what: str) -> dict[str, Any]:
    """What the scanner says, without asking its maker's servers for anything."""
    done = subprocess.run(
        [checkov, *what, "--framework", framework, "--compact", "--quiet", "--skip-download", "--output", "json"],
        cwd=ROOT,
        env={**os.environ, "LOG_LEVEL": "CRITICAL"},
        capture_output=True,
        text=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.usefixtures("applying")
def test_the_scanner_finds_nothing_in_the_image(checkov: Path) -> None:
    report = scanned(checkov, "dockerfile", "--file", "Dockerfile")
    assert report["results"]["failed_checks"] == []
    assert report["summary"]["passed"] > 50


@pytest.mark.usefixtures("applying")
def test_the_scanner_finds_nothing_that_is_not_excused_with_a_reason(checkov: Path) -> None:
    report = scanned(checkov, "terraform", "--directory", "infra")
    failed = report["results"]["failed_checks"]
    assert [f"{check['check_id']} {check['resource']}" for check in failed] == []
    assert report["summary"]["passed"] > 150
    for file in (ROOT / "infra").glob("*.tf"):
        for line in file.read_text().splitlines():
            if "checkov:skip=" in line:
                assert len(line.partition("checkov:skip=")[2].partition(":")[2].strip()) > 8, f"{file.name}: no reason in {line}"


# ---------------------------------------------------------------- on an AWS


def test_everything_stands_with_the_names_that_people_look_for(
    aws: AwsServer, applied: Terraform, resources: dict[str, dict[str, Any]]
) -> None:
    buckets = {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}
    assert {f"headroom-{name}-{ACCOUNT}-us-east-1" for name in ("lake", "results", "mlflow", "audit")} <= buckets
    databases = {database["Name"] for database in aws.client("glue").get_databases()["DatabaseList"]}
    assert databases == {"headroom_bronze", "headroom_silver", "headroom_gold", "headroom_views"}
    workgroups = {group["Name"] for group in aws.client("athena").list_work_groups()["WorkGroups"]}
    assert {"headroom-pipeline", "headroom-analyst"} <= workgroups
    services = {arn.rpartition("/")[2] for arn in aws.client("ecs").list_services(cluster="headroom")["serviceArns"]}
    assert services == {"mlflow", *(f"airflow-{each}" for each in ("api-server", "scheduler", "dag-processor", "triggerer"))}
    views = {f'aws_athena_named_query.view["{file.stem}"]' for file in (applied.folder.parent / "sql" / "views").glob("*.sql")}
    assert views <= set(resources)


def test_a_second_plan_finds_nothing_to_change(applied: Terraform) -> None:
    said = applied.run("plan", "-detailed-exitcode", *FAST, codes=(0, 2))
    assert "No changes." in said, said[-4000:]


def test_no_password_is_in_the_state(applied: Terraform, aws: AwsServer) -> None:
    state = (applied.folder / "terraform.tfstate").read_text()
    secrets = aws.client("secretsmanager")
    for name in ("airflow", "airflow-database", "mlflow", "mlflow-database"):
        for value in json.loads(secrets.get_secret_value(SecretId=f"headroom/{name}")["SecretString"]).values():
            assert len(value) >= 40
            assert value not in state
    assert "drawn at random" not in state


def test_the_keys_are_what_airflow_takes(aws: AwsServer, applied: Terraform) -> None:
    from cryptography.fernet import Fernet

    keys = json.loads(aws.client("secretsmanager").get_secret_value(SecretId="headroom/airflow")["SecretString"])
    cipher = Fernet(keys["fernet_key"])
    assert cipher.decrypt(cipher.encrypt(b"kept")) == b"kept"
    assert len({keys["jwt_secret"], keys["secret_key"], keys["admin_password"]}) == 3


def test_the_outputs_are_settings_and_the_pipeline_runs_on_what_stands(
    aws: AwsServer, applied: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.lake import athena

    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(athena, "POLL_S", 0.02)
    outputs = json.loads(applied.run("output", "-json"))
    # The MLflow server's name means something inside its network only.
    settings = settings_module.load(environment(outputs) | {"HEADROOM_MLFLOW_URI": ""}, home=tmp_path)
    day = Interval.day("2026-04-10")

    lake = open_lake(settings)
    made = dict(lake.create_tables())
    landed = steps.perform("ingest", day, target="samples", settings=settings)
    built = steps.perform("build", day, target="silver.metric_hourly", settings=settings)

    assert settings.lake == f"s3://headroom-lake-{ACCOUNT}-us-east-1"
    assert all(not changed for name, changed in made.items() if "." not in name), "Terraform's databases are the pipeline's"
    assert landed > 0
    assert built > 0
    hours = lake.query("SELECT count(*) AS hours, min(hour) AS first FROM silver.metric_hourly").to_pylist()[0]
    assert hours["hours"] == built
    assert lake.snapshot_id(tables.METRIC_HOURLY) is not None
    results = aws.client("s3").list_objects_v2(Bucket=outputs["buckets"]["value"]["results"])["Contents"]
    assert {key["Key"].partition("/")[0] for key in results} == {"pipeline"}

    # What was landed stays as it was landed, whoever comes.
    [landed_first, *_] = aws.client("s3").list_objects_v2(
        Bucket=outputs["buckets"]["value"]["lake"], Prefix="bronze/metric_sample/"
    )["Contents"]
    for condition, code in (({}, "403"), ({"IfNoneMatch": "*"}, "PreconditionFailed")):
        with pytest.raises(ClientError, match=code):
            aws.client("s3").put_object(
                Bucket=outputs["buckets"]["value"]["lake"], Key=landed_first["Key"], Body=b"else", **condition
            )


EXECUTOR = """
import json, sys
from airflow.providers.amazon.aws.executors.ecs.ecs_executor import AwsEcsExecutor

executor = AwsEcsExecutor()
executor.load_ecs_connection(check_connection=False)
started = executor._run_task(None, ["python", "-c", "pass"], None, {"taskDefinition": "headroom-publisher"})
print(json.dumps({"failures": started["failures"], "arns": [task.task_arn for task in started["tasks"]]}))
"""


@pytest.mark.airflow
def test_airflows_executor_starts_a_steps_container_with_the_schedulers_environment(
    aws: AwsServer, resources: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    [scheduler] = json.loads(resources['aws_ecs_task_definition.airflow["scheduler"]']["container_definitions"])
    environ = {variable["name"]: variable["value"] for variable in scheduler["environment"]} | {
        **KEYS,
        "AWS_ENDPOINT_URL": aws.url,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        # The driver for Postgres is in the image only.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"sqlite+aiosqlite:///{tmp_path}/airflow.db",
        "PATH": os.environ["PATH"],
    }
    assert all(isinstance(value, str) for value in environ.values())

    done = subprocess.run([sys.executable, "-c", EXECUTOR], env=environ, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-4000:]
    started = json.loads(done.stdout.splitlines()[-1])
    assert started["failures"] == []
    [task] = aws.client("ecs").describe_tasks(cluster="headroom", tasks=started["arns"])["tasks"]
    assert task["taskDefinitionArn"].rpartition("/")[2].startswith("headroom-publisher:")
    assert task["overrides"]["containerOverrides"][0]["name"] == "step"
    aws.client("ecs").stop_task(cluster="headroom", task=task["taskArn"])


# ---------------------------------------------------------------- who may do what

TLS = {"aws:SecureTransport": "true"}
NEW = {"s3:if-none-match": "*", "s3:ObjectCreationOperation": "true", **TLS}
OVER = {"s3:ObjectCreationOperation": "true", **TLS}
GLUE = f"arn:aws:glue:us-east-1:{ACCOUNT}"
ATHENA = f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup"


def may(role: str, action: str, resource: str, context: dict[str, str] | None = None) -> Any:
    """A row of the matrix."""
    named = context if context is not None else TLS
    return pytest.param(
        role,
        Request(action, resource, named, f"arn:aws:iam::{ACCOUNT}:role/headroom-{role}"),
        id=f"{role}-{action}-{resource[-40:]}",
    )


GRANTED = [
    may("ingest", "s3:PutObject", f"{LAKE}/bronze/metric_sample/day=2026-03-01/a.parquet", NEW),
    may("ingest", "cloudwatch:GetMetricData", "*"),
    may("transform", "s3:GetObject", f"{LAKE}/bronze/metric_sample/day=2026-03-01/a.parquet"),
    may("transform", "s3:ListBucket", LAKE, {"s3:prefix": "bronze/metric_sample/", **TLS}),
    may("transform", "s3:PutObject", f"{LAKE}/silver/metric_hourly/data/a.parquet", OVER),
    may("transform", "glue:UpdateTable", f"{GLUE}:table/headroom_silver/metric_hourly"),
    may("transform", "athena:StartQueryExecution", f"{ATHENA}/headroom-pipeline"),
    may("transform", "s3:GetObject", f"{RESULTS}/pipeline/a.csv"),
    may("trainer", "s3:PutObject", f"{MODELS}/artifacts/1/model.npz", OVER),
    may("trainer", "s3:PutObject", f"{LAKE}/gold/model_metric/data/a.parquet", OVER),
    may("trainer", "glue:UpdateTable", f"{GLUE}:table/headroom_gold/model_metric"),
    may("publisher", "s3:PutObject", f"{LAKE}/gold/forecast/data/a.parquet", OVER),
    may("publisher", "glue:UpdateTable", f"{GLUE}:table/headroom_gold/forecast"),
    may("publisher", "s3:GetObject", f"{MODELS}/artifacts/1/model.npz"),
    may("publisher", "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-alerts"),
    may("analyst", "s3:GetObject", f"{LAKE}/gold/forecast/data/a.parquet"),
    may("analyst", "glue:GetTable", f"{GLUE}:table/headroom_views/server_metrics"),
    may("analyst", "athena:StartQueryExecution", f"{ATHENA}/headroom-analyst"),
    *(may(role, "s3:PutObject", f"{LAKE}/bronze/run_event/day=2026-03-01/a.parquet", NEW) for role in STEP_ROLES),
]

LAYERS = ("bronze", "silver", "gold")
WRITES = {"ingest": ("bronze",), "transform": ("silver",), "trainer": (), "publisher": ("silver", "gold"), "analyst": ()}
READS = {
    "ingest": (),
    "transform": ("bronze", "silver"),
    "trainer": ("silver", "gold"),
    "publisher": LAYERS,
    "analyst": ("gold",),
}
FORBIDDEN = [
    # Nobody but its writer writes a layer: neither files nor the catalog's entry.
    *(
        row
        for role, written in WRITES.items()
        for layer in LAYERS
        if layer not in written
        for row in (
            may(role, "s3:PutObject", f"{LAKE}/{layer}/forecast/data/a.parquet", NEW),
            may(role, "s3:DeleteObject", f"{LAKE}/{layer}/forecast/data/a.parquet"),
            may(role, "glue:UpdateTable", f"{GLUE}:table/headroom_{layer}/forecast"),
            may(role, "glue:CreateTable", f"{GLUE}:table/headroom_{layer}/forecast"),
        )
    ),
    # Nobody reads a layer that is none of its business.
    *(
        row
        for role, read in READS.items()
        for layer in LAYERS
        if layer not in read
        for row in (
            may(role, "s3:GetObject", f"{LAKE}/{layer}/price/a.parquet"),
            may(role, "s3:ListBucket", LAKE, {"s3:prefix": f"{layer}/price/", **TLS}),
            may(role, "glue:GetTable", f"{GLUE}:table/headroom_{layer}/price"),
        )
    ),
    # Bronze is written once, and by nobody twice.
    *(may(role, "s3:PutObject", f"{LAKE}/bronze/run_event/day=2026-03-01/a.parquet", OVER) for role in ROLES),
    *(may(role, "s3:DeleteObject", f"{LAKE}/bronze/run_event/day=2026-03-01/a.parquet") for role in ROLES),
    # Nobody gets rid of the past, of what protects it, or of the record of who was there.
    *(
        may(role, action, resource)
        for role in ROLES
        for action, resource in (
            ("s3:DeleteObjectVersion", f"{LAKE}/gold/forecast/data/a.parquet"),
            ("s3:DeleteBucket", LAKE),
            ("s3:PutBucketPolicy", LAKE),
            ("s3:PutBucketVersioning", LAKE),
            ("s3:PutLifecycleConfiguration", LAKE),
            ("s3:GetObject", f"arn:aws:s3:::headroom-audit-{ACCOUNT}-us-east-1/access/a"),
            ("glue:DeleteTable", f"{GLUE}:table/headroom_gold/forecast"),
            ("glue:DeleteDatabase", f"{GLUE}:database/headroom_gold"),
            ("athena:UpdateWorkGroup", f"{ATHENA}/headroom-pipeline"),
            ("athena:UpdateWorkGroup", f"{ATHENA}/headroom-analyst"),
            ("athena:StartQueryExecution", f"{ATHENA}/primary"),
            ("kms:ScheduleKeyDeletion", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/any"),
            ("kms:PutKeyPolicy", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/any"),
            ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:headroom/airflow-abc"),
            ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/headroom-publisher"),
            ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/headroom-{role}"),
            ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/headroom-publisher"),
            ("ecs:RunTask", f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/headroom-publisher:1"),
            ("logs:DeleteLogGroup", f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/headroom/task"),
        )
    ),
    # Models are the trainer's.
    *(
        may(role, "s3:PutObject", f"{MODELS}/artifacts/1/model.npz", OVER)
        for role in ("ingest", "transform", "publisher", "analyst")
    ),
    *(may(role, "s3:GetObject", f"{MODELS}/artifacts/1/model.npz") for role in ("ingest", "transform", "analyst")),
    # Each keeps to its workgroup and its results.
    may("analyst", "athena:StartQueryExecution", f"{ATHENA}/headroom-pipeline"),
    may("analyst", "s3:GetObject", f"{RESULTS}/pipeline/a.csv"),
    may("publisher", "athena:StartQueryExecution", f"{ATHENA}/headroom-analyst"),
    may("transform", "s3:GetObject", f"{RESULTS}/analyst/a.csv"),
    may("ingest", "athena:StartQueryExecution", f"{ATHENA}/headroom-pipeline"),
    *(may(role, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-alerts") for role in ROLES if role != "publisher"),
    # What is not encrypted on its way does not arrive.
    *(may(role, "s3:GetObject", f"{LAKE}/gold/forecast/a.parquet", {"aws:SecureTransport": "false"}) for role in ROLES),
]


def decided(request: Request, role: str, policies: dict[str, Any], lake_policy: dict[str, Any]) -> bool:
    """Inside one account a call needs one permission, of the role's or of the resource's, and no denial of either."""
    of_resource = [lake_policy] if request.resource.startswith(LAKE) else []
    return allowed(request, [policies[role], *of_resource])


@pytest.mark.parametrize(("role", "request_"), GRANTED)
def test_a_role_may_do_its_work(role: str, request_: Request, policies: dict[str, Any], lake_policy: dict[str, Any]) -> None:
    assert decided(request_, role, policies, lake_policy)


def test_no_role_may_do_what_is_not_its_work(policies: dict[str, Any], lake_policy: dict[str, Any]) -> None:
    rows = [row.values for row in FORBIDDEN]
    assert len(rows) > 150
    wrong = [f"{role}: {it.action} {it.resource} {it.context}" for role, it in rows if decided(it, role, policies, lake_policy)]
    assert wrong == []


def test_nobody_replaces_a_bronze_object_not_even_the_accounts_administrator(lake_policy: dict[str, Any]) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    landed = f"{LAKE}/bronze/metric_sample/day=2026-03-01/a.parquet"

    assert not allowed(Request("s3:PutObject", landed, OVER, "admin"), [everything, lake_policy])
    assert allowed(Request("s3:PutObject", landed, NEW, "admin"), [everything, lake_policy])


def test_no_policy_gives_all_actions_or_all_of_a_service(policies: dict[str, Any]) -> None:
    assert set(ROLES) < set(policies)
    for role, policy in policies.items():
        for statement in statements(policy):
            assert "NotAction" not in statement
            for action in many(statement["Action"]):
                service, _, name = action.partition(":")
                assert "*" not in service, (role, action)
                assert name.rstrip("*") not in ("", "Get", "Put", "Create", "Delete", "List", "Describe", "Update"), (
                    role,
                    action,
                )


def test_what_is_allowed_on_everything_only_looks(policies: dict[str, Any]) -> None:
    looks = ("Describe", "Get", "List")
    for role, policy in policies.items():
        for statement in statements(policy):
            if "*" in many(statement["Resource"]) and not statement.get("Condition"):
                assert all(action.partition(":")[2].startswith(looks) for action in many(statement["Action"])), (role, statement)


def test_only_airflow_passes_roles_and_only_the_steps_own_to_ecs(policies: dict[str, Any], resources: dict[str, Any]) -> None:
    steps_own = {resources[f'aws_iam_role.this["{role}"]']["arn"] for role in STEP_ROLES}
    passing = {
        role: statement
        for role, policy in policies.items()
        for statement in statements(policy)
        if "iam:PassRole" in many(statement["Action"])
    }

    assert set(passing) == {"airflow-scheduler"}
    statement = passing["airflow-scheduler"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    others = set(many(statement["Resource"])) - steps_own
    assert steps_own < set(many(statement["Resource"]))
    assert {arn.rpartition("/")[2] for arn in others} == {"headroom-start", "headroom-airflow-plain"}


def test_a_role_is_assumed_by_containers_of_this_account_only(resources: dict[str, dict[str, Any]]) -> None:
    for role in STEP_ROLES:
        [trust] = statements(json.loads(resources[f'aws_iam_role.this["{role}"]']["assume_role_policy"]))
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


# ---------------------------------------------------------------- and goes


def test_destroying_leaves_nothing_behind(aws: AwsServer, applied: Terraform) -> None:
    said = applied.run("destroy", "-auto-approve", "-refresh=false", *FAST)

    assert "Destroy complete!" in said, said[-4000:]
    assert applied.resources() == []
    assert [b["Name"] for b in aws.client("s3").list_buckets()["Buckets"] if b["Name"].startswith("headroom-")] == []
    assert aws.client("iam").list_roles()["Roles"] == []
