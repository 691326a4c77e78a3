"""Athena as the pipeline's engine: tables it is told of, questions it is asked once, answers that come back exact."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.errors import ConfigError, DataError
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, beginning, open_lake, sql
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import NUMBER
from pipeline.tables.usage import CALENDAR, METRIC_SAMPLE
from tests.support import golden
from tests.support.aws_server import BUCKET, AwsServer, aws_for_tests

EVENT = RUN_EVENT
DAY = Interval.day("2026-03-01")
COUNT = "SELECT count(*) AS n FROM silver.calendar"

pytestmark = [pytest.mark.server, pytest.mark.system]
# A Trino says nothing of what it lists.
counted_by_the_emulation = pytest.mark.skipif(bool(os.environ.get("TRINO_URL")), reason="the emulation counts what is listed")


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def settings(aws: AwsServer, tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home", **aws.settings(f"t{uuid4().hex[:12]}"))


@pytest.fixture(scope="module")
def created(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with every table and view, and nothing in them."""
    lake = open_lake(settings_module.load({}, home=tmp_path_factory.mktemp("home"), **aws.settings("created")))
    for _ in lake.create_tables():
        pass
    return lake


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tables of bronze, one of silver and no view are all that is declared: to create the rest takes seconds each time."""
    monkeypatch.setattr(tables, "ALL", {table.name: table for table in (METRIC_SAMPLE, EVENT, CALENDAR)})
    monkeypatch.setattr(sql, "views", list)


def write(lake: Lake, interval: Interval, **changed: Any) -> None:
    lake.replace(CALENDAR, conform(calendar(interval).assign(**changed), CALENDAR, interval), CALENDAR.scope(interval))


def land(lake: Lake, ts: datetime, **changed: Any) -> None:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": 1}
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    payload = pa.Table.from_pylist([row | {"wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0} | changed], schema=schema)
    lake.land(EVENT, payload, source="s", shard="x", ingested_at=datetime(2026, 3, 5, 0, 0, 0, 123456))


def count(lake: Lake) -> int:
    return int(lake.query(COUNT)["n"][0].as_py())


# ---------------------------------------------------------------- tables create


def test_creating_tables_makes_all_that_is_declared_and_every_view(aws: AwsServer, created: Lake) -> None:
    glue = aws.client("glue")
    known = {
        f"{layer}.{entry['Name']}"
        for layer in ("bronze", "silver", "gold", "views")
        for entry in glue.get_tables(DatabaseName=f"created_{layer}")["TableList"]
    }

    assert known == set(tables.ALL) | set(sql.views())


def test_creating_tables_again_changes_nothing_but_replaces_the_views(created: Lake) -> None:
    assert {name for name, changed in created.create_tables() if changed} == set(sql.views())


def test_every_view_can_be_asked_before_anything_was_written(created: Lake) -> None:
    rows = created.query("SELECT kpi AS kpi, value AS value FROM views.executive_kpis WHERE value IS NOT NULL")

    assert rows.num_rows == 0


def test_bronze_needs_no_partition_announced(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings)
    for _ in lake.create_tables():
        break
    from pipeline.lake import glue

    list(glue.create_databases(settings))
    glue.create_external(EVENT, settings, lake.storage)
    land(lake, DAY.start)
    land(lake, DAY.end)

    found = lake.query("SELECT day AS day, rows AS rows FROM bronze.run_event WHERE day = DATE '2026-03-02'")
    assert found.to_pylist() == [{"day": date(2026, 3, 2), "rows": 1}]
    entry = aws.client("glue").get_table(DatabaseName=f"{settings.database}_bronze", Name="run_event")["Table"]
    assert entry["Parameters"]["storage.location.template"] == f"{settings.lake}/bronze/run_event/day=${{day}}"
    assert (
        aws.client("glue").get_partitions(DatabaseName=f"{settings.database}_bronze", TableName="run_event")["Partitions"] == []
    )


def land_sample(lake: Lake, day: str) -> None:
    names = [c for c in METRIC_SAMPLE.columns if c.name not in STAMPED]
    row = {c.name: datetime.fromisoformat(day) if c.name == "ts" else golden.filler(c) for c in names}
    payload = pa.Table.from_pylist([row], schema=pa.schema([METRIC_SAMPLE.arrow_schema.field(c.name) for c in names]))
    lake.land(METRIC_SAMPLE, payload, source="s", shard="x", ingested_at=datetime(2026, 3, 5))


def projected(aws: AwsServer, settings: Settings) -> str:
    entry = aws.client("glue").get_table(DatabaseName=f"{settings.database}_bronze", Name="metric_sample")["Table"]
    return str(entry["Parameters"]["projection.day.range"])


@pytest.mark.usefixtures("few")
def test_a_day_before_the_first_is_landed_once_athena_looks_for_it(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings)
    list(lake.create_tables())
    assert projected(aws, settings) == "2021-01-01,NOW+3DAYS"

    refusal = r"bronze\.metric_sample: day 2014-02-14 .* 2021-01-01.*`python -m pipeline tables create --from 2014-02-14`"
    with pytest.raises(DataError, match=refusal):
        land_sample(lake, "2014-02-14")
    assert lake.bronze_files(METRIC_SAMPLE) == []
    list(lake.create_tables(date(2014, 2, 14)))
    land_sample(lake, "2014-02-14")

    assert projected(aws, settings) == "2014-02-14,NOW+3DAYS"
    days = lake.query("SELECT day AS day FROM bronze.metric_sample WHERE day < DATE '2015-01-01'")["day"].to_pylist()
    assert days == [date(2014, 2, 14)]
    # Whoever creates the tables again need not know the day.
    list(lake.create_tables())
    assert projected(aws, settings) == "2014-02-14,NOW+3DAYS"
    with pytest.raises(DataError, match=r"bronze\.metric_sample: day 2014-02-14 was landed.* choose 2014-02-14 or earlier"):
        list(lake.create_tables(date(2014, 2, 15)))


@pytest.mark.usefixtures("few")
def test_what_was_landed_before_there_was_a_first_day_stays_found(
    aws: AwsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = open_lake(settings)
    with monkeypatch.context() as earlier:
        earlier.setattr(beginning, "DEFAULT", date(2000, 1, 1))
        land_sample(lake, "2014-02-14")

    list(lake.create_tables())

    assert projected(aws, settings) == "2014-02-14,NOW+3DAYS"


@counted_by_the_emulation
def test_a_query_of_a_day_lists_no_more_projected_days_than_its_window_and_one(aws: AwsServer, created: Lake) -> None:
    asked = {"start": DAY.start, "shard": 0, "shards": 1, "hours": 1, "metric": "", "by_resource_id": 1, "by_usage_type": 1}
    asked |= dict.fromkeys(("account", "region", "resource_id"), "a")
    asked |= dict.fromkeys(("resources", "usage_types", "items", "series"), " ") | {"at_most": 1}
    asked |= {"dimension": "team", "by_bill": 1, "metrics": "", "before_start": DAY.start, "after_start": DAY.start}
    listed = {}
    for name in sql.names():
        if not name.startswith("views."):
            before = set(aws.athena.executions)
            text = sql.text(name)
            params = dict.fromkeys(sql.parameters(sql.parse(text)), DAY.end) | asked | golden.SETTINGS
            created.query(text, params)
            [execution] = set(aws.athena.executions) - before
            # A query that names a table twice lists its days twice.
            sent = sqlglot.parse_one(sql.to_athena(text, "created", params), dialect="athena")
            scans = Counter(f"{each.db}.{each.name}" for each in sent.find_all(exp.Table))
            listed |= {(name, table): days / scans[table] for table, days in aws.athena.executions[execution].listed.items()}

    assert listed
    assert {question: days for question, days in listed.items() if days > 2} == {}


@counted_by_the_emulation
def test_a_view_without_a_filter_lists_every_projected_day(aws: AwsServer, created: Lake) -> None:
    before = set(aws.athena.executions)
    created.query("SELECT count(*) AS rows FROM views.metric_point")

    [execution] = set(aws.athena.executions) - before
    assert aws.athena.executions[execution].listed["created_bronze.metric_sample"] > 2000


def declared_otherwise(table: Table, *, drop: str = "", retype: str = "", add: str = "") -> Table:
    columns = [replace(c, type=pa.string()) if c.name == retype else c for c in table.columns if c.name != drop]
    added = (Column(name=add, type=NUMBER, doc="New.", nullable=True),) if add else ()
    return replace(table, columns=(*columns, *added))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("table", [EVENT, CALENDAR], ids=lambda table: table.name)
def test_a_new_column_is_added_and_old_rows_have_none(table: Table, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = open_lake(settings)
    list(lake.create_tables())
    land(lake, DAY.start)
    write(lake, DAY)
    wider = declared_otherwise(table, add="noted")
    monkeypatch.setitem(tables.ALL, table.name, wider)

    assert [name for name, changed in lake.create_tables() if changed] == [table.name]
    found = lake.query(f"SELECT {table.time} AS ts, noted AS noted FROM {table.name}")  # noqa: S608
    assert found["noted"].to_pylist() == [None]
    assert lake.read(wider)["noted"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("table", "change", "said"),
    [
        (EVENT, {"drop": "target"}, r"bronze\.run_event: column target is in Glue but no longer declared"),
        (EVENT, {"retype": "rows"}, r"bronze\.run_event\.rows is bigint in Glue, declared as string"),
        (CALENDAR, {"drop": "holiday"}, r"silver\.calendar: column holiday is stored but no longer declared"),
        (CALENDAR, {"retype": "quarter"}, r"silver\.calendar\.quarter is stored as long, declared as string"),
    ],
)
def test_a_column_is_never_dropped_nor_retyped(
    table: Table, change: dict[str, str], said: str, created: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tables.ALL, table.name, declared_otherwise(table, **change))
    monkeypatch.setattr(sql, "views", list)

    with pytest.raises(DataError, match=said):
        list(created.create_tables())


# ---------------------------------------------------------------- once per question


def test_a_question_asked_again_is_not_run_again_until_the_answer_may_differ(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY)
    before = len(aws.athena.executions)

    assert [count(lake), count(open_lake(settings))] == [1, 1]
    assert len(aws.athena.executions) == before + 1
    write(lake, Interval.day("2026-03-02"))
    assert count(lake) == 2
    assert len(aws.athena.executions) == before + 2


@pytest.mark.usefixtures("few")
def test_new_objects_in_bronze_make_the_question_new(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings)
    list(lake.create_tables())
    text = "SELECT count(*) AS n FROM bronze.run_event"

    assert lake.query(text)["n"].to_pylist() == [0]
    land(lake, DAY.start)
    assert lake.query(text)["n"].to_pylist() == [1]


def test_another_interval_is_another_question(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY)
    text = "SELECT count(*) AS n FROM silver.calendar WHERE ts >= :start"

    assert lake.query(text, {"start": DAY.start})["n"].to_pylist() == [1]
    assert lake.query(text, {"start": DAY.end})["n"].to_pylist() == [0]


def test_results_are_never_reused_by_age(aws: AwsServer, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import awswrangler

    asked: list[Any] = []
    start = awswrangler.athena.start_query_execution
    monkeypatch.setattr(awswrangler.athena, "start_query_execution", lambda **given: asked.append(given) or start(**given))
    lake = open_lake(settings)
    write(lake, DAY)
    count(lake)

    [given] = asked
    assert given["result_reuse_configuration"] == {"ResultReuseByAgeConfiguration": {"Enabled": False}}
    assert 32 <= len(given["client_request_token"]) <= 128


# ---------------------------------------------------------------- answers


def test_every_type_comes_back_exactly(settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY, quarter_end_ramp=1.1)

    found = lake.query("""
        SELECT ts + INTERVAL '1' SECOND AS moment, year AS whole, quarter_end_ramp AS number, is_holiday AS truth,
          holiday AS nothing, '' AS empty, 'a "b", c' AS quoted, 'two
lines' AS long, 1e-7 AS small, 123456789012345680e0 AS large, 0.1e0 + 0.2e0 AS inexact, cast(ts AS date) AS day,
          cast(1.25 AS decimal(10, 2)) AS exact, 7 / 2 AS halves
        FROM silver.calendar""")

    [row] = found.to_pylist()
    assert row == {
        "moment": DAY.start + timedelta(seconds=1), "whole": 2026, "number": 1.1, "truth": False, "nothing": None,
        "empty": "", "quoted": 'a "b", c', "long": "two\nlines", "small": 1e-7, "large": 123456789012345680.0,
        "inexact": 0.1 + 0.2, "day": date(2026, 3, 1), "exact": row["exact"], "halves": 3,
    }  # fmt: skip
    assert str(row["exact"]) == "1.25"
    assert found.schema.field("moment").type == pa.timestamp("us")
    assert found.schema.field("whole").type == pa.int64()


def test_a_column_that_is_null_and_nothing_else_comes_back_and_sums_of_whole_numbers_are_whole(settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY)

    found = lake.query("SELECT NULL AS nothing, sum(year) AS years FROM silver.calendar")
    assert found.to_pylist() == [{"nothing": None, "years": 2026}]
    assert found.schema.field("years").type == pa.int64()


def test_a_row_of_nothing_but_null_is_a_row(settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY)

    assert lake.query("SELECT max(holiday) AS h FROM silver.calendar")["h"].to_pylist() == [None]
    assert lake.query("SELECT holiday AS h FROM silver.calendar WHERE ts > :end", {"end": DAY.end})["h"].to_pylist() == []
    assert lake.query("SELECT holiday AS h, holiday AS g FROM silver.calendar").to_pylist() == [{"h": None, "g": None}]


@pytest.mark.usefixtures("few")
def test_microseconds_survive_in_silver_and_are_milliseconds_in_bronze_as_athena_has_them(settings: Settings) -> None:
    lake = open_lake(settings)
    list(lake.create_tables())
    land(lake, DAY.start)

    found = lake.query("SELECT ingested_at AS at FROM bronze.run_event")["at"].to_pylist()
    assert found == [datetime(2026, 3, 5, 0, 0, 0, 123000)]


def test_a_type_that_cannot_come_back_is_refused(settings: Settings) -> None:
    lake = open_lake(settings)
    write(lake, DAY)

    with pytest.raises(DataError, match="has type|years is array"):
        lake.query("SELECT array_agg(year) AS years FROM silver.calendar")


def test_where_the_workgroup_names_no_place_results_go_under_the_lake(aws: AwsServer, settings: Settings) -> None:
    aws.client("athena").create_work_group(Name="free", Configuration={"EnforceWorkGroupConfiguration": False})
    lake = open_lake(settings.model_copy(update={"athena_workgroup": "free"}))
    write(lake, DAY)

    assert count(lake) == 1
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{settings.database}/athena/")
    assert sorted(entry["Key"].rpartition(".")[2] for entry in listed["Contents"]) == ["csv", "metadata"]


def test_athena_without_glue_and_s3_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="engine athena needs catalog glue and a lake on s3://, got sqlite"):
        open_lake(settings_module.load({}, home=tmp_path, engine="athena"))


def test_a_workgroup_that_does_not_exist_is_named(aws: AwsServer, settings: Settings) -> None:
    lake = open_lake(settings.model_copy(update={"athena_workgroup": "nobody"}))
    write(lake, DAY)

    with pytest.raises(ConfigError, match="nobody"):
        count(lake)


def test_a_reader_that_looks_into_four_hundred_folders_at_once_is_let_in_each_time(aws: AwsServer) -> None:
    where = urlsplit(aws.url)
    with ExitStack() as stack:
        callers = {stack.enter_context(socket.socket()) for _ in range(400)}
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex((where.hostname, where.port))
        # Who is sent away knocks again after a second.
        deadline, waiting = time.monotonic() + 0.9, set(callers)
        while waiting and time.monotonic() < deadline:
            waiting -= set(select.select([], list(waiting), [], 0.05)[1])

        assert len(waiting) == 0
