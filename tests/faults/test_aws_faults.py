"""Bad days on AWS: what is published stays whole, errors name the table and the action, and nobody tries for ever."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline import steps
from pipeline.errors import ConfigError, ConflictError, DataError, SourceError
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, athena, aws, maintenance, open_lake, tags
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.usage import CALENDAR, RESOURCE
from pipeline.upkeep import cost_of_run
from tests.support.aws_server import BUCKET, AwsServer, Call, Refusal, aws_for_tests

TABLE, EVENT = CALENDAR, RUN_EVENT
FIRST, SECOND = Interval.day("2026-03-01"), Interval.day("2026-03-02")
COUNT = "SELECT count(*) AS n FROM silver.calendar"

pytestmark = [pytest.mark.server, pytest.mark.system]


@pytest.fixture(scope="module")
def server() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def aws_server(server: AwsServer) -> Iterator[AwsServer]:
    yield server
    server.fault = lambda _call: None
    server.athena.hold.set()
    server.athena.failures.clear()
    server.athena.cutoff = None


@pytest.fixture
def settings(aws_server: AwsServer, tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home", **aws_server.settings(f"t{uuid4().hex[:12]}"))


@pytest.fixture
def lake(settings: Settings) -> Lake:
    """A lake with one day in it."""
    lake = open_lake(settings)
    write(lake, FIRST)
    return lake


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clients that give up after two attempts."""
    monkeypatch.setattr(aws, "ATTEMPTS", 2)
    aws._client.cache_clear()
    yield
    aws._client.cache_clear()


def days(interval: Interval, **changed: Any) -> pa.Table:
    return conform(calendar(interval).assign(**changed), TABLE, interval)


def write(lake: Lake, interval: Interval, **changed: Any) -> bool:
    return lake.replace(TABLE, days(interval, **changed), TABLE.scope(interval)).changed


def land(lake: Lake, ts: datetime, rows: int = 1) -> bool:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": rows}
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    payload = pa.Table.from_pylist([row | {"wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0}], schema=schema)
    return lake.land(EVENT, payload, source="s", shard="x", ingested_at=datetime(2026, 3, 5)).changed


def ramps(lake: Lake) -> list[float]:
    return sorted(lake.read(TABLE)["quarter_end_ramp"].to_pylist())


def count(lake: Lake) -> int:
    return int(lake.query(COUNT)["n"][0].as_py())


# ---------------------------------------------------------------- throttling, and servers that fail


def test_with_three_calls_in_ten_throttled_everything_is_written_once(
    aws_server: AwsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many attempts as ever, but up to a second between them instead of up to twenty.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff._BASE", 1)
    dice = random.Random(3)
    throttled = {"s3": (503, "SlowDown"), "glue": (400, "ThrottlingException"), "athena": (400, "TooManyRequestsException")}

    def refuse(call: Call) -> Refusal | None:
        return Refusal(*throttled[call.service]) if dice.random() < 0.3 else None

    aws_server.fault = refuse
    lake = open_lake(settings)
    landed = [land(lake, FIRST.start), land(lake, FIRST.start)]
    written = [write(lake, FIRST), write(lake, SECOND)]
    counted = count(lake)
    aws_server.fault = lambda _call: None

    assert landed == [True, False]
    assert written == [True, True]
    assert counted == 2
    assert ramps(lake) == [1.0, 1.0]
    assert len(lake.bronze_files(EVENT)) == 1


@pytest.mark.parametrize("status", [500, 503])
def test_an_s3_that_only_fails_ends_in_one_error_that_names_the_table_and_the_day(
    aws_server: AwsServer, lake: Lake, status: int, impatient: None
) -> None:
    lake = open_lake(lake.settings)
    aws_server.fault = lambda call: Refusal(status, "InternalError") if call.service == "s3" else None
    aws_server.calls.clear()

    with pytest.raises(SourceError, match=r"^bronze\.run_event day 2026-03-01: PutObject failed: InternalError"):
        land(lake, FIRST.start)
    assert aws_server.called("PutObject") == 2
    with pytest.raises(SourceError, match=r"^silver\.calendar ts in \[2026-03-02.*: \w+ failed: "):
        write(lake, SECOND)

    aws_server.fault = lambda _call: None
    assert ramps(lake) == [1.0]
    assert lake.bronze_files(EVENT) == []


def test_a_put_whose_answer_was_lost_lands_one_object(aws_server: AwsServer, lake: Lake) -> None:
    lost = iter([Refusal(500, "InternalError", after=True)])
    aws_server.fault = lambda call: next(lost, None) if call.operation == "PutObject" and "/bronze/" in call.path else None

    land(lake, FIRST.start)

    assert len(lake.bronze_files(EVENT)) == 1
    assert maintenance.scrub(lake, EVENT) == 1


def test_a_commit_whose_answer_was_lost_is_not_made_twice(aws_server: AwsServer, lake: Lake) -> None:
    lost = iter([Refusal(500, "InternalServiceException", after=True)])
    aws_server.fault = lambda call: next(lost, None) if call.operation == "UpdateTable" else None

    write(lake, SECOND)

    assert ramps(lake) == [1.0, 1.0]
    iceberg = lake.iceberg(TABLE)
    assert iceberg is not None
    assert len(iceberg.metadata.snapshots) == 2


# ---------------------------------------------------------------- two writers


def interrupting(aws_server: AwsServer, other: Any) -> None:
    """Let another writer in between our look at the table and our commit."""
    entered = threading.Event()

    def before_commit(call: Call) -> Refusal | None:
        if call.operation == "UpdateTable" and not entered.is_set():
            entered.set()
            other()
        return None

    aws_server.fault = before_commit


def test_another_writers_commit_to_another_day_is_kept_beside_ours(aws_server: AwsServer, lake: Lake) -> None:
    interrupting(aws_server, lambda: write(open_lake(lake.settings), SECOND, quarter_end_ramp=1.1))

    write(lake, FIRST, quarter_end_ramp=1.2)

    assert ramps(lake) == [1.1, 1.2]


def test_another_writers_commit_to_the_same_day_makes_ours_fail(aws_server: AwsServer, lake: Lake) -> None:
    interrupting(aws_server, lambda: write(open_lake(lake.settings), FIRST, quarter_end_ramp=1.1))

    with pytest.raises(ConflictError, match=r"silver\.calendar: another writer published ts in \[2026-03-01"):
        write(lake, FIRST, quarter_end_ramp=1.2)
    assert ramps(lake) == [1.1]


# ---------------------------------------------------------------- access denied


@pytest.mark.parametrize(
    ("operation", "code", "action", "doing"),
    [
        ("PutObject", "AccessDenied", "s3:PutObject", lambda lake: land(lake, FIRST.start)),
        ("GetObject", "AccessDenied", "s3:GetObject", lambda lake: lake.read(TABLE)),
        ("ListObjectsV2", "AccessDenied", "s3:ListBucket", lambda lake: lake.read(EVENT)),
        ("UpdateTable", "AccessDeniedException", "glue:UpdateTable", lambda lake: write(lake, SECOND)),
        ("StartQueryExecution", "AccessDeniedException", "athena:StartQueryExecution", count),
    ],
)
def test_an_action_that_is_not_allowed_is_named_at_once_and_without_secrets(
    aws_server: AwsServer, lake: Lake, operation: str, code: str, action: str, doing: Any
) -> None:
    said = "User: arn:aws:sts::1:x with key AKIAABCDEFGHIJKLMNOP is not authorized; X-Amz-Security-Token=c2VjcmV0"
    aws_server.fault = lambda call: (
        Refusal(403 if call.service == "s3" else 400, code, said) if call.operation == operation else None
    )
    aws_server.calls.clear()

    with pytest.raises(ConfigError) as caught:
        doing(lake)

    assert f"allow the action {action}" in str(caught.value)
    assert re.match(r"(bronze\.run_event|silver\.calendar|query of silver\.calendar)", str(caught.value))
    assert "AKIAABCDEFGHIJKLMNOP" not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    assert aws_server.called(operation) == 1
    assert caught.value.__suppress_context__, "what AWS said is not printed beside what we say"


def test_a_refusal_of_lake_formation_is_told_from_one_of_iam_with_what_to_set(aws_server: AwsServer, lake: Lake) -> None:
    said = "Insufficient Lake Formation permission(s): Required Alter on calendar"
    aws_server.fault = lambda call: Refusal(400, "AccessDeniedException", said) if call.operation == "UpdateTable" else None

    with pytest.raises(
        ConfigError, match=r"glue:UpdateTable: Lake Formation refuses it.* set lake_formation = true.*Alter on calendar"
    ):
        write(lake, SECOND)
    with pytest.raises(ConfigError, match=r"Lake Formation refuses it, whatever IAM allows; set lake_formation = true"):
        raise athena._error_of(f"{said} (Service: AWSGlue)", "query", "1", lake.settings)


def test_expired_credentials_end_the_step_at_once_so_that_the_next_try_has_new_ones(aws_server: AwsServer, lake: Lake) -> None:
    aws_server.fault = lambda call: (
        Refusal(400, "ExpiredToken", "The provided token has expired.") if call.service == "s3" else None
    )
    aws_server.calls.clear()

    with pytest.raises(SourceError, match=r"bronze\.run_event day 2026-03-01: PutObject failed: ExpiredToken"):
        land(lake, FIRST.start)
    assert aws_server.called("PutObject") == 1


def test_without_credentials_the_error_says_where_they_are_looked_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    lake = open_lake(settings)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    aws.session.cache_clear()
    try:
        with pytest.raises(ConfigError, match=r"bronze\.run_event day 2026-03-01: no AWS credentials in the environment"):
            land(lake, FIRST.start)
    finally:
        aws.session.cache_clear()


# ---------------------------------------------------------------- damaged objects


def replace_object(aws_server: AwsServer, path: str, content: bytes) -> None:
    aws_server.client("s3").put_object(Bucket=BUCKET, Key=path.removeprefix(f"{BUCKET}/"), Body=content)


def test_a_flipped_bit_in_a_landed_object_is_found_or_changes_no_row(aws_server: AwsServer, lake: Lake) -> None:
    land(lake, FIRST.start)
    land(lake, SECOND.start)
    [damaged, _] = lake.bronze_files(EVENT)
    sound = lake.read_object(EVENT, damaged)
    rows = lake.read(EVENT)
    found = 0
    for position in range(4, len(sound), len(sound) // 24):
        replace_object(aws_server, damaged, sound[:position] + bytes([sound[position] ^ 4]) + sound[position + 1 :])
        try:
            maintenance.scrub(lake, EVENT)
        except DataError as error:
            found += 1
            assert re.match(r"bronze\.run_event: 1 of 2 landed objects are damaged; first .*day=2026-03-01", str(error))  # noqa: PT017
        else:
            assert lake.read(EVENT).equals(rows), f"byte {position} of {len(sound)}"

    assert found > 12


def test_a_store_that_does_not_answer_is_not_taken_for_a_damaged_object(
    aws_server: AwsServer, lake: Lake, impatient: None
) -> None:
    lake = open_lake(lake.settings)
    land(lake, FIRST.start)
    aws_server.fault = lambda call: Refusal(503, "SlowDown") if call.operation in ("GetObject", "HeadObject") else None

    with pytest.raises(SourceError, match=r"bronze\.run_event .*day=2026-03-01"):
        maintenance.scrub(lake, EVENT)


def test_maintenance_stops_at_a_truncated_object_and_names_it(aws_server: AwsServer, lake: Lake) -> None:
    land(lake, FIRST.start)
    [damaged] = lake.bronze_files(EVENT)
    replace_object(aws_server, damaged, lake.read_object(EVENT, damaged)[:-400])

    with pytest.raises(DataError, match="1 of 1 landed objects are damaged") as caught:
        steps.perform("maintain", SECOND, settings=lake.settings)
    assert damaged in str(caught.value)


# ---------------------------------------------------------------- queries that fail


def build(lake: Lake) -> int:
    return steps.perform("build", FIRST, target="silver.resource", settings=lake.settings)


def test_a_query_that_athena_fails_once_is_run_again(aws_server: AwsServer, lake: Lake) -> None:
    aws_server.athena.failures += ["INTERNAL_ERROR: a worker went away"]

    assert count(lake) == 1


def test_a_query_that_athena_fails_every_time_ends_in_one_error_and_is_waited_for_longer_each_time(
    aws_server: AwsServer, lake: Lake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(athena, "WAIT_S", 0.01)
    aws_server.athena.failures += ["INTERNAL_ERROR: a worker went away"] * 50
    before = len(aws_server.athena.executions)

    with pytest.raises(SourceError, match=r"silver\.calendar: Athena failed 4 times, last with: INTERNAL_ERROR"):
        count(lake)
    assert len(aws_server.athena.executions) - before == athena.EXECUTIONS
    assert re.findall(r"once more in (\S+) s", caplog.text) == ["0.01", "0.02", "0.04"]

    aws_server.athena.failures.clear()
    assert count(lake) == 1, "the task's next try finds four that failed, and asks anew"


def test_a_build_whose_query_exceeds_the_cutoff_publishes_nothing_and_says_so_and_once_it_is_raised_runs_anew(
    aws_server: AwsServer, lake: Lake
) -> None:
    assert list(lake.create_tables())
    aws_server.athena.cutoff = -1
    before = lake.snapshot_id(RESOURCE)

    with pytest.raises(DataError) as caught:
        build(lake)

    assert str(caught.value).startswith(
        "silver.resource with end=2026-03-02T00:00:00, start=2026-03-01T00:00:00: Athena execution "
    )
    assert "more than workgroup headroom-pipeline allows" in str(caught.value)
    assert lake.snapshot_id(RESOURCE) == before
    assert lake.read(EVENT)["outcome"].to_pylist() == ["failed"]
    aws_server.athena.cutoff = None
    assert build(lake) == 0


def test_a_query_over_tables_that_glue_does_not_know_says_how_to_create_them(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"TABLE_NOT_FOUND.*`python -m pipeline tables create`"):
        open_lake(settings).query("SELECT count(*) AS n FROM gold.anomaly")


def test_a_column_that_a_table_of_before_has_not_says_how_it_gets_it(settings: Settings) -> None:
    said = "COLUMN_NOT_FOUND: line 3:5: Column 'p.model_version' cannot be resolved or requester is not authorized to access it"

    with pytest.raises(ConfigError, match=r"inputs\.anomalous_points: .*p\.model_version.*`python -m pipeline tables create`"):
        raise athena._error_of(said, "inputs.anomalous_points", "1", settings)


def test_a_query_that_athena_refuses_carries_athenas_words(lake: Lake) -> None:
    with pytest.raises(DataError, match=r"silver\.calendar: Athena execution .* failed: .*no_such_column"):
        lake.query("SELECT no_such_column AS n FROM silver.calendar")


def test_killing_the_task_stops_its_query(aws_server: AwsServer, lake: Lake) -> None:
    aws_server.athena.hold.clear()
    before = set(aws_server.athena.executions)
    program = "import sys; from pipeline import settings, lake; lake.open_lake(settings.load()).query(sys.argv[1])"
    environment = {
        f"HEADROOM_{name.upper()}": str(getattr(lake.settings, name))
        for name in ("home", "lake", "catalog", "engine", "database", "aws_endpoint_url")
    }
    task = subprocess.Popen([sys.executable, "-c", program, COUNT], env=os.environ | environment)
    try:
        deadline = time.monotonic() + 60
        while not (started := set(aws_server.athena.executions) - before) and time.monotonic() < deadline:
            time.sleep(0.05)
        [execution] = [aws_server.athena.executions[each] for each in started]
        while aws_server.calls[-1].operation != "GetQueryExecution" and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        task.send_signal(signal.SIGTERM)

        assert task.wait(timeout=60) == 128 + signal.SIGTERM
        assert execution.state == "CANCELLED"
    finally:
        task.kill()
        task.wait()


def test_whatever_call_fails_for_good_the_error_is_one_that_headroom_raises_on_purpose(
    aws_server: AwsServer, lake: Lake, impatient: None
) -> None:
    lake = open_lake(lake.settings)
    for operation in ("GetTable", "GetObject", "PutObject", "CreateMultipartUpload", "UpdateTable", "StartQueryExecution"):
        aws_server.fault = lambda call, operation=operation: (
            Refusal(503, "ServiceUnavailable") if call.operation == operation else None
        )
        for doing in (lambda: land(lake, SECOND.start, rows=9), lambda: write(lake, SECOND), lambda: count(lake)):
            # Anything else that is raised fails the test.
            with suppress(SourceError):
                doing()
    aws_server.fault = lambda _call: None
    assert ramps(open_lake(lake.settings)) in ([1.0], [1.0, 1.0])


ORDER: dict[str, Any] = {
    "tables create": lambda lake: list(lake.create_tables()),
    "maintain": lambda lake: steps.perform("maintain", SECOND, settings=lake.settings),
    "tag": lambda lake: tags.keep(lake, TABLE, lake.snapshot_id(TABLE), "training", FIRST.end, 8),
    "cost of scans": lambda lake: cost_of_run.scans(lake, FIRST),
    "cost of storage": lambda lake: cost_of_run.stored(lake),
}


@pytest.mark.parametrize(
    ("operation", "action", "doing"),
    [
        ("GetTable", "glue:GetTable", "tables create"),
        ("GetTable", "glue:GetTable", "maintain"),
        ("GetTable", "glue:GetTable", "cost of scans"),
        ("UpdateTable", "glue:UpdateTable", "tag"),
        ("GetObject", "s3:GetObject", "maintain"),
        ("GetObject", "s3:GetObject", "tag"),
        ("GetObject", "s3:GetObject", "cost of scans"),
        ("ListObjectsV2", "s3:ListBucket", "maintain"),
        ("ListObjectsV2", "s3:ListBucket", "cost of storage"),
    ],
)
def test_what_keeps_the_lake_in_order_names_as_well_the_table_and_the_action_that_is_not_allowed(
    aws_server: AwsServer, lake: Lake, operation: str, action: str, doing: str
) -> None:
    land(lake, FIRST.start)
    aws_server.fault = lambda call: (
        Refusal(403, "AccessDenied", "not for AKIAABCDEFGHIJKLMNOP") if call.operation == operation else None
    )

    with pytest.raises(ConfigError, match=rf"^(Glue table |)\w*(bronze|silver|gold)\b.* allow the action {action}") as caught:
        ORDER[doing](lake)
    assert "AKIAABCDEFGHIJKLMNOP" not in str(caught.value)
