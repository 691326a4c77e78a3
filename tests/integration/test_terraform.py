"""`infra/` is formatted, valid, says what it should without an AWS, passes the scanner, and stands up, stays and goes on one.

The AWS is moto's server on loopback: it proves that the resources are accepted, read back and deleted, and that the pipeline
runs on their outputs. It has no MWAA, starts no container, and enforces no policy;
policies are evaluated here, by `tests.support.iam`. What applies there are the blocks of docs/deploy.md, as printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from pipeline import settings as settings_module
from pipeline import steps, tables
from pipeline.cli.steps import run_interval
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.settings import Settings
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.anomalies import ANOMALY
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.forecasts import FORECAST, PROMOTION
from pipeline.tables.operations import QUALITY_RESULT, TELEMETRY
from pipeline.tables.usage import METRIC_HOURLY
from tests.support import deploy_page, golden
from tests.support.asked import TLS, Account
from tests.support.athena_api import Execution
from tests.support.aws_server import KEYS, AwsServer, Call
from tests.support.deploy_page import Folder
from tests.support.iam import Request, allowed, many, statements
from tests.support.terraform import DEPLOYED, ROOT, Begun, Terraform, aws_for_terraform, plugin_folder
from tools.demo_aws_local import TIMES, bare, rows
from tools.settings_from_terraform import environment

pytestmark = [pytest.mark.server, pytest.mark.system]

CHECKOV = "3.3.30"
DATA_EXPORT = ROOT / "infra" / "data_export"
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
    return Terraform.ready(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_terraform() as server:
        yield server


@pytest.fixture(scope="module")
def instances(aws: AwsServer) -> list[str]:
    """The ids of what runs in the user's account."""
    return deploy_page.plant_account(aws)


@pytest.fixture(scope="module")
def page(terraform: Terraform, aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Where docs/deploy.md is followed, with the user's bill in it; what the user runs is in the account."""
    aws.client("s3").create_bucket(Bucket=deploy_page.STATE_BUCKET)
    folder = Folder.prepared(tmp_path_factory.mktemp("repository"), aws)
    deploy_page.write_bill(folder.root / "export.csv.gz", ACCOUNT)
    return folder


@pytest.fixture(scope="module")
def applying(page: Folder, instances: list[str]) -> Iterator[Begun]:
    """The page being typed, in the background: much of its time is the provider's own waiting."""
    assert instances
    typed, others = deploy_page.blocks()[:4], deploy_page.blocks()[4:]
    assert ["plugins.zip" in each or "HEADROOM_AWS_SMOKE" in each for each in others] == [True, True], "all others are typed"
    begun = page.type(*typed)
    with begun.log:
        yield begun
        begun.stop()


@pytest.fixture(scope="module")
def said(applying: Begun, embedded: Lake) -> str:
    """What was said while the page was typed, and on this machine the demo ran."""
    assert embedded
    return applying.finished(timeout_s=900)


@pytest.fixture(scope="module")
def applied(page: Folder, aws: AwsServer, said: str) -> Terraform:
    """The folder, once everything stands and the page has been followed to its end."""
    assert said
    return page.terraform.on(aws)


@pytest.fixture(scope="module")
def outputs(applied: Terraform) -> dict[str, Any]:
    """What `terraform output -json` prints."""
    said: dict[str, Any] = json.loads(applied.run("output", "-json"))
    return said


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
    assert "15 passed, 0 failed" in said, said[-4000:]


def blocks(kind: str, folder: Path = ROOT / "infra") -> dict[str, str]:
    """The text of each `variable` or `output`, by name."""
    text = "\n".join(file.read_text() for file in sorted(folder.glob("*.tf")))
    return dict(re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("folder", [ROOT / "infra", DATA_EXPORT], ids=lambda folder: folder.name)
def test_every_variable_and_output_says_what_it_is(folder: Path) -> None:
    for name, block in (blocks("variable", folder) | blocks("output", folder)).items():
        assert "  description = " in block, name


@pytest.mark.parametrize("folder", [ROOT / "infra", DATA_EXPORT], ids=lambda folder: folder.name)
def test_every_variable_has_a_type_and_unless_it_is_yes_or_no_bounds_that_are_tried(folder: Path) -> None:
    [cases] = (folder / "tests").glob("*.tftest.hcl")
    tried = set(re.findall(r"var\.(\w+)", " ".join(re.findall(r"expect_failures = \[(.*?)\]", cases.read_text(), re.DOTALL))))
    for name, block in blocks("variable", folder).items():
        assert re.search(r"^  type +=", block, re.MULTILINE), name
        assert "  validation {" in block or re.search(r"^  type +=\s*bool$", block, re.MULTILINE), name
    assert tried == {name for name, block in blocks("variable", folder).items() if "  validation {" in block}


def test_the_bill_is_exported_to_a_bucket_that_aws_alone_writes_and_named_roles_alone_read(tmp_path: Path) -> None:
    plugins = plugin_folder()
    if shutil.which("terraform") is None or plugins is None:
        pytest.skip("terraform, or its provider for AWS, is not installed: infra/data_export is not tested")
    copied = shutil.copytree(DATA_EXPORT, tmp_path / "data_export")

    def terraform(*command: str) -> str:
        done = subprocess.run(["terraform", f"-chdir={copied}", *command], capture_output=True, text=True, check=True)
        return done.stdout

    terraform("init", "-input=false", f"-plugin-dir={plugins}")
    assert json.loads(terraform("validate", "-json"))["diagnostics"] == []
    assert "4 passed, 0 failed" in terraform("test", "-no-color")


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
    assert report["summary"]["parsing_errors"] == 0, "what cannot be read is not scanned"
    for file in (ROOT / "infra").rglob("*.tf"):
        for line in file.read_text().splitlines():
            if "checkov:skip=" in line:
                assert len(line.partition("checkov:skip=")[2].partition(":")[2].strip()) > 8, f"{file.name}: no reason in {line}"


# ---------------------------------------------------------------- the page, followed


@dataclass(frozen=True)
class Followed:
    """What the page's reader has at its end: what was said, and the rows of every table and view that is asked here."""

    said: str
    rows: dict[str, list[dict[str, Any]]]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def followed(said: str, outputs: dict[str, Any], aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """What who has followed the page sees."""
    bucket = outputs["buckets"]["value"]["lake"]
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="reports/")["Contents"]
    files = {each["Key"]: aws.client("s3").get_object(Bucket=bucket, Key=each["Key"]) for each in listed}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in KEYS.items():
            patched.setenv(name, value)
        lake = open_lake(settings_module.load(environment(outputs), home=tmp_path_factory.mktemp("reader")))
        rows = {name: lake.query(text).to_pylist() for name, text in ASKED.items()}
    return Followed(said, rows, {key: answer["Body"].read() for key, answer in files.items()})


ASKED = {
    "metrics": "SELECT DISTINCT resource_id AS resource_id, metric AS metric FROM silver.metric_hourly WHERE samples > 0",
    "resources": "SELECT resource_id AS resource_id, account AS account, app_name AS app_name FROM silver.resource",
    "bill": "SELECT service AS service, sum(effective_cost) AS usd FROM silver.cost_daily GROUP BY service",
    "forecasts": "SELECT DISTINCT series_id AS series_id FROM gold.forecast",
    "recommendations": "SELECT DISTINCT resource_id AS resource_id FROM gold.recommendation",
    **{
        table.name: f"SELECT DISTINCT source AS source FROM {table.name}"  # noqa: S608 a declared name
        for table in tables.ALL.values()
        if table.layer == "bronze"
    },
}


def found(followed: Followed, what: str, column: str) -> set[Any]:
    return {row[column] for row in followed.rows[what]}


def test_who_follows_the_page_finds_their_own_instances_and_databases_in_the_tables(
    followed: Followed, instances: list[str]
) -> None:
    own = {*instances, "db:headroom-airflow", "db:headroom-mlflow"}

    assert found(followed, "resources", "resource_id") == own
    assert {(row["account"], row["app_name"]) for row in followed.rows["resources"] if row["resource_id"] in instances} == {
        (ACCOUNT, "shop")
    }
    assert found(followed, "metrics", "resource_id") == set(instances)
    assert found(followed, "metrics", "metric") == {"cpu_utilization"}
    assert found(followed, "recommendations", "resource_id") >= own
    assert {series.split("/")[0] for series in found(followed, "forecasts", "series_id")} == {ACCOUNT}


def test_who_follows_the_page_finds_their_own_bill_to_the_cent(followed: Followed) -> None:
    assert {row["service"]: float(row["usd"]) for row in followed.rows["bill"]} == deploy_page.BILL


def test_no_row_of_a_sample_is_in_a_deployments_tables(followed: Followed) -> None:
    sources = {table: found(followed, table, "source") for table in followed.rows if table.startswith("bronze.")}

    assert set().union(*sources.values()) == {"cloudwatch", "inventory", "prices", "billing", "headroom"}
    assert sources["bronze.metric_sample"] == {"cloudwatch"}


def test_the_report_lies_in_the_lake_where_terraform_and_the_console_say(
    followed: Followed, page: Folder, outputs: dict[str, Any], instances: list[str]
) -> None:
    run = f"reports/{deploy_page.YESTERDAY + timedelta(days=1):%Y-%m-%dT%H%M}"
    lake = outputs["settings"]["value"]["HEADROOM_LAKE"]

    assert f"{lake}/{run}/report.html" in followed.said.replace("\n", "")
    assert outputs["report"]["value"] == f"{lake}/reports/latest/report.html"
    assert (page.root / "report.html").read_bytes() == followed.files["reports/latest/report.html"]
    assert instances[0] in followed.files["reports/latest/recommendations.csv"].decode()
    pages = {key.removeprefix("reports/latest/") for key in followed.files if key.startswith("reports/latest/")}
    assert {"report.html", "recommendations.csv", "data_docs/index.html"} <= pages
    assert pages <= {key.removeprefix(f"{run}/") for key in followed.files}
    assert b"silver.metric_hourly" in followed.files["reports/latest/data_docs/index.html"]
    assert [file for file in (page.root / "var").rglob("*") if file.suffix in (".html", ".csv")] == [], "nothing on the disk"


def test_what_cannot_run_on_loopback_is_what_the_page_says(followed: Followed, page: Folder) -> None:
    assert followed.said
    typed = {" ".join(line.split()[: 3 if line.startswith("aws") else 1]) for line in page.noted()}
    answered = {"aws s3 cp", "aws secretsmanager get-secret-value"}

    assert typed == answered | (deploy_page.stand_ins() - {"the block of managed Airflow"})
    assert [line.split()[1] for line in page.noted() if line.startswith("docker")][:3] == ["login", "build", "push"]
    secrets = dict(line.split("=") for line in (page.root / ".env").read_text().splitlines())
    assert {name: len(value) >= 48 for name, value in secrets.items()} == {"POSTGRES_PASSWORD": True, "AIRFLOW_SECRET": True}


PARSE = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from capacity_daily import capacity_daily
tasks = {task.task_id: task for task in capacity_daily().tasks}
print(json.dumps({name: tasks[name].op_kwargs_expand_input.value for name in ("ingest", "forecast")}))
"""


@pytest.mark.airflow
def test_airflow_maps_over_the_users_sources_on_ecs_and_managed(
    resources: dict[str, dict[str, Any]], outputs: dict[str, Any], tmp_path: Path
) -> None:
    [processor] = json.loads(resources['aws_ecs_task_definition.airflow["dag-processor"]']["container_definitions"])
    told = {each["name"]: each["value"] for each in processor["environment"] if each["name"].startswith("HEADROOM_")}
    # On managed Airflow: the DAGs, the pipeline and the file of Terraform's in one folder, and no variable of ours.
    managed = tmp_path / "dags"
    shutil.copytree(ROOT / "dags", managed)
    shutil.copytree(ROOT / "pipeline", managed / "pipeline", ignore=shutil.ignore_patterns("samples", "__pycache__"))
    shutil.copytree(ROOT / "sql", managed / "sql")
    (managed / "headroom.toml").write_text(outputs["settings_file"]["value"])
    parsing = []
    # plugins.zip is on managed Airflow's path, as infra/airflow is on the image's.
    for dags, more in ((ROOT / "dags", told | {"PYTHONPATH": f"{ROOT}:{DEPLOYED}"}), (managed, {"PYTHONPATH": str(DEPLOYED)})):
        environ = {"AIRFLOW_HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore", **more}
        command = [sys.executable, "-c", PARSE, str(dags)]
        parsing.append(subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True))

    for process in parsing:
        said, _ = process.communicate(timeout=120)
        assert json.loads(said.splitlines()[-1]) == {
            "ingest": {"target": ["cloudwatch", "inventory", "prices"]},
            "forecast": {"shard": [0, 1, 2]},
        }


# ---------------------------------------------------------------- the demo on what stands

HISTORY, DAY = Interval.days("2026-04-04", "2026-04-15"), Interval.day("2026-04-15")
# Small, but with every step of the demo at work.
SMALL: dict[str, Any] = {
    "sources": ("samples", "prices"),
    "options": {},
    "shards": 1,
    "horizon_hours": 24,
    "fallback_forecaster": "seasonal_naive",
    "detectors": ("zscore", "iqr"),
    "challengers": ("seasonal_naive", "ridge"),
    "backtest_windows": 2,
    "backtest_series": 2,
}
OVER_BRONZE = {
    *("views.bill_load", "views.billing_charge", "views.billing_period", "views.metric_point", "views.metric_reading"),
    *("views.monitor_latency", "views.price_judged", "views.resource_judged"),
}
CONTENT = [table for table in tables.ALL.values() if table.layer != "bronze" and table.name not in TELEMETRY]


@dataclass
class Demo:
    """The demo on AWS: its lake, what `tables create` said, and what each role's steps asked of AWS."""

    server: AwsServer
    lake: Lake
    created: dict[str, bool] = field(default_factory=dict)
    calls: dict[str, set[Call]] = field(default_factory=dict)
    queries: dict[str, list[Execution]] = field(default_factory=dict)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note by role what the steps that run meanwhile ask, as the deployed policy gives them roles."""
        perform = steps.perform

        def performed(step: str, interval: Interval, **options: Any) -> int:
            calls, executions = len(self.server.calls), set(self.server.athena.executions)
            rows = perform(step, interval, **options)
            role = steps.role_of(step, options.get("target", ""))
            self.calls.setdefault(role, set()).update(self.server.calls[calls:])
            self.queries.setdefault(role, []).extend(
                each for name, each in self.server.athena.executions.items() if name not in executions
            )
            return rows

        with patch.object(steps, "perform", performed):
            yield


def run_demo(settings: Settings) -> None:
    """What `make demo` runs: the history in one interval, a training as of its end, the day after it with the champions."""
    for source in settings.sources:
        steps.perform("ingest", HISTORY, target=source, settings=settings)
    for table in steps.order_builds():
        steps.perform("build", HISTORY, target=table, settings=settings)
    for step in ("train", "promote"):
        steps.perform(step, HISTORY, settings=settings)
    run_interval(DAY, settings)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The demo on this machine alone, run while the infrastructure is being applied."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("embedded"), **SMALL)
    run_demo(settings)
    return open_lake(settings)


@pytest.fixture(scope="module")
def demo(embedded: Lake, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, and maintenance after it, on what Terraform has just applied, its outputs for settings.

    Without Terraform it runs on the bare server, and the tests that ask about both are skipped.
    """
    from pipeline.lake import athena

    home = tmp_path_factory.mktemp("aws")
    with ExitStack() as stack:
        try:
            outputs, server = request.getfixturevalue("outputs"), request.getfixturevalue("aws")
            request.getfixturevalue("followed")
        except pytest.skip.Exception:
            server, environ = stack.enter_context(bare())
        else:
            deploy_page.empty_lake(server, outputs["buckets"]["value"]["lake"])
            # The MLflow server's name means something inside its network only.
            environ = environment(outputs) | {"HEADROOM_MLFLOW_URI": ""}
        patched = stack.enter_context(pytest.MonkeyPatch.context())
        # MLflow's own client of S3 knows no setting of ours for the address.
        for name, value in (KEYS | {"AWS_ENDPOINT_URL": server.url}).items():
            patched.setenv(name, value)
        patched.delenv("AWS_PROFILE", raising=False)
        patched.setattr(athena, "POLL_S", 0.02)
        demo = Demo(server, open_lake(settings_module.load(environ, home=home, **SMALL)))
        demo.created = dict(demo.lake.create_tables())
        with demo.noted():
            run_demo(demo.lake.settings)
            steps.perform("maintain", DAY, settings=demo.lake.settings)
        yield demo


@pytest.mark.parametrize("table", CONTENT, ids=lambda table: table.name)
def test_a_table_says_the_same_on_aws_as_embedded(table: tables.Table, demo: Demo, embedded: Lake) -> None:
    assert rows(demo.lake, table).equals(rows(embedded, table))


def test_what_the_demo_publishes_is_not_nothing(demo: Demo) -> None:
    for table in (FORECAST, ANOMALY, CAPACITY_RISK, RECOMMENDATION, QUALITY_RESULT):
        assert demo.lake.read(table, table.scope(DAY)).num_rows, table.name
    champions = set(demo.lake.read(PROMOTION)["champion"].to_pylist())
    assert "ridge" in champions
    # A segment that nothing serves has no champion.
    assert champions - {"none"} <= set(demo.lake.read(FORECAST, FORECAST.scope(DAY))["model"].to_pylist())


def test_building_a_day_again_changes_nothing(demo: Demo) -> None:
    before = demo.lake.content(METRIC_HOURLY), demo.lake.snapshot_id(METRIC_HOURLY)
    executed = len(demo.server.athena.executions)

    steps.perform("build", DAY, target="silver.metric_hourly", settings=demo.lake.settings)

    assert (demo.lake.content(METRIC_HOURLY), demo.lake.snapshot_id(METRIC_HOURLY)) == before
    assert len(demo.server.athena.executions) == executed, "the same question of the same data runs once"


def test_people_ask_a_view_in_athena_with_their_own_parameters(demo: Demo, embedded: Lake) -> None:
    import awswrangler

    database = f"{demo.lake.settings.database}_views"
    shown = awswrangler.athena.read_sql_query(
        f"SELECT kpi, unit FROM {database}.executive_kpis WHERE unit = ? AND value IS NOT NULL",  # noqa: S608 a name
        database=database,
        workgroup=demo.lake.settings.athena_workgroup,
        ctas_approach=False,
        params=["'usd'"],
        paramstyle="qmark",
    )

    wanted = embedded.query("SELECT kpi AS kpi FROM views.executive_kpis WHERE unit = 'usd' AND value IS NOT NULL")
    assert sorted(shown["kpi"]) == sorted(wanted["kpi"].to_pylist())
    assert len(shown)


def test_what_was_landed_stays_as_it_was_landed_whoever_comes(outputs: dict[str, Any], demo: Demo) -> None:
    bucket, s3 = outputs["buckets"]["value"]["lake"], demo.server.client("s3")
    [landed_first, *_] = s3.list_objects_v2(Bucket=bucket, Prefix="bronze/metric_sample/")["Contents"]
    for condition, code in (({}, "403"), ({"IfNoneMatch": "*"}, "PreconditionFailed")):
        with pytest.raises(ClientError, match=code):
            s3.put_object(Bucket=bucket, Key=landed_first["Key"], Body=b"else", **condition)


def test_the_outputs_are_settings_and_terraforms_databases_the_pipelines(outputs: dict[str, Any], demo: Demo) -> None:
    assert demo.lake.settings.lake == f"s3://headroom-lake-{ACCOUNT}-us-east-1"
    assert demo.lake.settings.mlflow_artifacts == f"s3://{outputs['buckets']['value']['mlflow']}/artifacts"
    databases = {name: changed for name, changed in demo.created.items() if "." not in name}
    assert databases == dict.fromkeys(outputs["databases"]["value"].values(), False)
    results = demo.server.client("s3").list_objects_v2(Bucket=outputs["buckets"]["value"]["results"])["Contents"]
    assert {key["Key"].partition("/")[0] for key in results} == {"pipeline"}


@pytest.fixture(scope="module")
def account(resources: dict[str, dict[str, Any]], outputs: dict[str, Any]) -> Account:
    keys = {name: resources[f'aws_kms_key.this["{name}"]']["arn"] for name in ("lake", "mlflow")}
    buckets = outputs["buckets"]["value"]
    by_bucket = {buckets["lake"]: keys["lake"], buckets["results"]: keys["lake"], buckets["mlflow"]: keys["mlflow"]}
    return Account(ACCOUNT, "us-east-1", buckets["lake"], buckets["results"], by_bucket)


@pytest.fixture(scope="module")
def saved(resources: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The text of each saved query, by the view it shows."""
    return {view: resources[f'aws_athena_named_query.view["{view.partition(".")[2]}"]']["query"] for view in sql.views()}


def test_every_call_that_a_step_made_is_one_that_its_role_may_make(
    demo: Demo, account: Account, policies: dict[str, Any], lake_policy: dict[str, Any]
) -> None:
    assert set(demo.calls) == set(STEP_ROLES)
    refused = set()
    for role in STEP_ROLES:
        asked = [it for call in demo.calls[role] for it in account.requests(call, "headroom-pipeline")]
        asked += [it for query in demo.queries[role] for it in account.behind(query)]
        assert len(asked) > 100
        refused |= {f"{role}: {it.action} {it.resource}" for it in asked if not decided(it, role, policies, lake_policy)}
    assert sorted(refused) == []
    assert {call.operation for call in demo.calls["ingest"]} == {"ListObjectsV2", "PutObject"}


@pytest.mark.parametrize("view", [view for view in sql.views() if view not in OVER_BRONZE])
def test_a_saved_query_says_in_the_analysts_workgroup_what_the_embedded_view_says(
    view: str, demo: Demo, embedded: Lake, saved: dict[str, str], outputs: dict[str, Any]
) -> None:
    from pipeline.lake import athena

    settings = demo.lake.settings.model_copy(update={"athena_workgroup": "headroom-analyst"})

    execution = athena._execute(saved[view], {}, settings, view, once=False)

    place = f"s3://{outputs['buckets']['value']['results']}/analyst/"
    assert execution["ResultConfiguration"]["OutputLocation"].startswith(place)
    assert nearly(athena._rows(execution, settings, view)) == nearly(embedded.query(sql.text(view)))


def test_analysts_may_ask_every_saved_query_but_those_over_bronze(
    account: Account, saved: dict[str, str], policies: dict[str, Any]
) -> None:
    refused = set()
    for view, text in saved.items():
        asked = account.behind(Execution(text, [], "headroom-analyst", f"s3://{account.results}/analyst/", 0))
        if not all(allowed(it, [policies["analyst"]]) for it in asked):
            refused.add(view)

    assert refused == OVER_BRONZE


def nearly(data: pa.Table) -> list[list[str]]:
    """The rows in an order of their own, floats to twelve digits: sums of the same numbers differ with their order.

    How long a model took is left out.
    """
    clocks = {name for names in TIMES.values() for name in names} & set(data.column_names)
    kept = data.drop_columns(sorted(clocks)).to_pylist()
    return sorted([f"{v:.12g}" if isinstance(v, float) else golden.comparable(v) for v in row.values()] for row in kept)


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


def test_queries_are_cut_off_and_their_results_encrypted_whatever_a_client_asks_for(
    aws: AwsServer, resources: dict[str, dict[str, Any]], outputs: dict[str, Any]
) -> None:
    for name, gib in (("pipeline", 100), ("analyst", 10)):
        stands = aws.client("athena").get_work_group(WorkGroup=f"headroom-{name}")["WorkGroup"]["Configuration"]
        assert stands["EnforceWorkGroupConfiguration"] is True
        assert stands["BytesScannedCutoffPerQuery"] == gib * 2**30
        result = stands["ResultConfiguration"]
        assert result["OutputLocation"] == f"s3://{outputs['buckets']['value']['results']}/{name}/"
        key = resources['aws_kms_key.this["lake"]']["arn"]
        assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": key}


def test_every_bucket_keeps_versions_is_encrypted_and_nobodys_but_the_accounts(aws: AwsServer, outputs: dict[str, Any]) -> None:
    s3 = aws.client("s3")
    for name, bucket in outputs["buckets"]["value"].items():
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
        assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
        [rule] = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == ("AES256" if name == "audit" else "aws:kms")
        rules = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]}
        assert rules["leftovers"]["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 30
        assert ("old-reports" in rules) == (name == "lake")
        status = rules.get("old-status", {})
        assert status.get("Filter", {}).get("Prefix") == ("reports/status.html" if name == "lake" else None)
        assert status.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") == (1 if name == "lake" else None)
        moves = rules.get("bronze-to-cheaper-tiers", {}).get("Transitions", [])
        wanted = [(90, "STANDARD_IA"), (365, "GLACIER_IR")] if name == "lake" else []
        assert sorted((move["Days"], move["StorageClass"]) for move in moves) == wanted


def test_a_second_plan_finds_nothing_to_change(applied: Terraform) -> None:
    said = applied.run("plan", "-detailed-exitcode", *FAST, codes=(0, 2))
    assert "No changes." in said, said[-4000:]


def test_no_password_is_in_the_state(applied: Terraform, aws: AwsServer) -> None:
    state = applied.run("state", "pull")
    secrets = aws.client("secretsmanager")
    for name in ("airflow", "airflow-database", "mlflow", "mlflow-database"):
        for value in json.loads(secrets.get_secret_value(SecretId=f"headroom/{name}")["SecretString"]).values():
            assert len(value) >= 40
            assert value not in state
    assert "aws_secretsmanager_secret" in state


def test_the_keys_are_what_airflow_takes(aws: AwsServer, applied: Terraform) -> None:
    from cryptography.fernet import Fernet

    keys = json.loads(aws.client("secretsmanager").get_secret_value(SecretId="headroom/airflow")["SecretString"])
    cipher = Fernet(keys["fernet_key"])
    assert cipher.decrypt(cipher.encrypt(b"kept")) == b"kept"
    assert len({keys["jwt_secret"], keys["secret_key"], keys["admin_password"]}) == 3


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
    may("ingest", "s3:PutObject", f"{LAKE}/ledger/metric_sample/day=2026-03-01/a.json", NEW),
    may("ingest", "s3:ListBucket", LAKE, {"s3:prefix": "ledger/metric_sample/", **TLS}),
    may("ingest", "cloudwatch:GetMetricData", "*"),
    may("transform", "s3:GetObject", f"{LAKE}/bronze/metric_sample/day=2026-03-01/a.parquet"),
    may("transform", "s3:ListBucket", LAKE, {"s3:prefix": "bronze/metric_sample/", **TLS}),
    may("transform", "s3:PutObject", f"{LAKE}/silver/metric_hourly/data/a.parquet", OVER),
    may("transform", "glue:UpdateTable", f"{GLUE}:table/headroom_silver/metric_hourly"),
    may("transform", "athena:StartQueryExecution", f"{ATHENA}/headroom-pipeline"),
    may("transform", "s3:GetObject", f"{RESULTS}/pipeline/a.csv"),
    may("trainer", "s3:PutObject", f"{MODELS}/artifacts/1/model.npz", OVER),
    may("publisher", "s3:PutObject", f"{LAKE}/gold/forecast/data/a.parquet", OVER),
    may("publisher", "glue:UpdateTable", f"{GLUE}:table/headroom_gold/forecast"),
    may("publisher", "s3:GetObject", f"{MODELS}/artifacts/1/model.npz"),
    may("publisher", "s3:PutObject", f"{LAKE}/reports/latest/report.html", OVER),
    may("publisher", "s3:DeleteObject", f"{LAKE}/reports/latest/data_docs/old.html"),
    may("publisher", "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-alerts"),
    # `recommendation accept` lands an answer, under the role that sees what was recommended.
    may("publisher", "s3:PutObject", f"{LAKE}/bronze/recommendation_answer/day=2026-03-01/a.parquet", NEW),
    may("publisher", "s3:PutObject", f"{LAKE}/ledger/recommendation_answer/day=2026-03-01/a.json", NEW),
    may("publisher", "s3:ListBucket", LAKE, {"s3:prefix": "ledger/recommendation_answer/", **TLS}),
    # `billing accept` likewise.
    may("publisher", "s3:PutObject", f"{LAKE}/bronze/feedback_event/day=2026-03-01/a.parquet", NEW),
    may("publisher", "s3:PutObject", f"{LAKE}/ledger/feedback_event/day=2026-03-01/a.json", NEW),
    *(
        may(role, "s3:PutObject", f"{LAKE}/reports/2026-03-02T0000/{file}", OVER)
        for role in ("transform", "publisher")
        for file in ("validations/silver.metric_hourly.json", "data_docs/index.html")
    ),
    may("analyst", "s3:GetObject", f"{LAKE}/reports/latest/report.html"),
    may("analyst", "s3:ListBucket", LAKE, {"s3:prefix": "reports/latest/", **TLS}),
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
    "analyst": ("silver", "gold"),
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
    *(may(role, "s3:PutObject", f"{LAKE}/ledger/price/day=2026-03-01/a.json", OVER) for role in ROLES),
    *(may(role, "s3:DeleteObject", f"{LAKE}/ledger/price/day=2026-03-01/a.json") for role in ROLES),
    *(may(role, "s3:PutObject", f"{LAKE}/ledger/price/day=2026-03-01/a.json", NEW) for role in ROLES if role != "ingest"),
    *(
        may(role, "s3:PutObject", f"{LAKE}/bronze/{table}/day=2026-03-01/a.parquet", OVER)
        for role in ROLES
        for table in ("recommendation_answer", "feedback_event")
    ),
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
    # Nor does it put what it measured there by itself.
    may("transform", "s3:PutObject", f"{LAKE}/gold/quality_result/data/a.parquet", OVER),
    may("trainer", "s3:PutObject", f"{LAKE}/gold/model_metric/data/a.parquet", OVER),
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
    # Reports are the publisher's, and stay.
    *(may(role, "s3:PutObject", f"{LAKE}/reports/latest/report.html", OVER) for role in ROLES if role != "publisher"),
    *(may(role, "s3:DeleteObject", f"{LAKE}/reports/2026-03-02T0000/report.html") for role in ROLES),
    *(may(role, "s3:GetObject", f"{LAKE}/reports/latest/report.html") for role in ("ingest", "trainer")),
    *(may(role, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-operations") for role in ROLES),
    *(may(role, "sns:Publish", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-alerts") for role in ROLES if role != "publisher"),
    *(may(role, "sns:Subscribe", f"arn:aws:sns:us-east-1:{ACCOUNT}:headroom-alerts") for role in ROLES),
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


def test_ingest_may_look_at_what_the_sources_ask_for_and_at_nothing_else(policies: dict[str, Any]) -> None:
    from pipeline.sources._aws import _ACTION_PREFIX

    text = "".join(file.read_text() for file in (ROOT / "pipeline" / "sources").glob("*.py"))
    asked = set()
    for service, operation in re.findall(r'\b(?:ask|listed|pages)\(\s*"([\w-]+)",\s*"(\w+)"', text):
        name = boto3.client(service, "us-east-1").meta.method_to_api_mapping[operation]
        asked.add(f"{_ACTION_PREFIX.get(service, service)}:{name}")
    # Identity needs no permission; buckets and roles are variables' business.
    asked = {action for action in asked if not action.startswith(("s3:", "sts:"))}

    [looks] = [it for it in statements(policies["ingest"]) if it.get("Sid") == "LookAtEstate"]
    assert set(looks["Action"]) == asked | {"rds:ListTagsForResource"}
    assert len(asked) > 10


def test_every_policy_is_one_that_iam_takes(policies: dict[str, Any]) -> None:
    for role, policy in policies.items():
        names = [it["Sid"] for it in statements(policy) if "Sid" in it]
        assert len(names) == len(set(names)), role
        assert len(json.dumps(policy, separators=(",", ":"))) <= 10_240, role


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
    _forget_what_the_emulator_cannot_delete()

    said = applied.run("destroy", "-auto-approve", "-refresh=false", *FAST)

    assert "Destroy complete!" in said, said[-4000:]
    assert applied.resources() == []
    assert [b["Name"] for b in aws.client("s3").list_buckets()["Buckets"] if b["Name"].startswith("headroom-")] == []
    assert aws.client("iam").list_roles()["Roles"] == []


def _forget_what_the_emulator_cannot_delete() -> None:
    """Its log of accesses, one object for each request, all of which it lists for every page that is deleted; and names with a
    percent sign, which it reads as others and never finds.
    """
    from moto.s3.models import s3_backends

    for backend in s3_backends.values():
        for name, bucket in backend["global"].buckets.items():
            for key in list(bucket.keys):
                if name.startswith("headroom-audit-") or "%" in key:
                    bucket.keys.pop(key)
