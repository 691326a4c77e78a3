"""The lake on S3 and Glue, by settings alone, against real API servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, reports
from pipeline.quality.conform import conform
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.usage import CALENDAR
from tests.support.aws_server import BUCKET, AwsServer, aws_for_tests

TABLE = CALENDAR
EVENT = RUN_EVENT
FIRST, SECOND = Interval.day("2026-03-01"), Interval.day("2026-03-02")

pytestmark = [pytest.mark.server]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def aws_settings(aws: AwsServer, tmp_path: Path) -> dict[str, Any]:
    return {"home": tmp_path / "home", **aws.settings(f"t{uuid4().hex[:12]}")}


@pytest.fixture
def lake(aws_settings: dict[str, Any]) -> Lake:
    """Files on S3, catalog in Glue, SQL in DuckDB."""
    return open_lake(settings_module.load({}, **aws_settings | {"engine": "duckdb"}))


def days(interval: Interval, **changed: Any) -> pa.Table:
    return conform(calendar(interval).assign(**changed), TABLE, interval)


def write(lake: Lake, interval: Interval, **changed: Any) -> bool:
    return lake.replace(TABLE, days(interval, **changed), TABLE.scope(interval)).changed


def event(ts: datetime, rows: int = 1) -> pa.Table:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": rows}
    schema = pa.schema([f for f in EVENT.arrow_schema if f.name not in (*STAMPED, "day")])
    return pa.Table.from_pylist([row | {"wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0}], schema=schema)


def land(lake: Lake, rows: pa.Table) -> bool:
    return lake.land(EVENT, rows, source="s", shard="x", ingested_at=datetime(2026, 3, 5)).changed


def test_a_table_of_the_lake_is_an_iceberg_table_in_glue_whose_files_lie_in_s3(aws: AwsServer, lake: Lake) -> None:
    write(lake, FIRST)

    entry = aws.client("glue").get_table(DatabaseName=f"{lake.settings.database}_silver", Name="calendar")["Table"]
    assert entry["Parameters"]["table_type"] == "ICEBERG"
    assert entry["StorageDescriptor"]["Location"] == f"{lake.settings.lake}/silver/calendar"
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{lake.settings.database}/silver/calendar/data/")
    assert listed["KeyCount"] == 1


def test_replacing_a_day_leaves_the_other_days_alone(lake: Lake) -> None:
    write(lake, FIRST)
    write(lake, SECOND)
    write(lake, FIRST, quarter_end_ramp=1.2)

    ramps = lake.query("SELECT quarter_end_ramp FROM silver.calendar ORDER BY ts")["quarter_end_ramp"].to_pylist()
    assert ramps == [1.2, 1.0]
    assert lake.read(TABLE).num_rows == 2


def test_writing_what_is_already_there_makes_no_commit(lake: Lake) -> None:
    assert write(lake, FIRST) is True
    before = lake.snapshot_id(TABLE)

    assert write(lake, FIRST) is False
    assert lake.snapshot_id(TABLE) == before


def test_a_landed_object_is_put_only_where_there_is_none(aws: AwsServer, lake: Lake) -> None:
    assert land(lake, event(FIRST.start)) is True
    assert land(lake, event(FIRST.start)) is False
    assert land(lake, event(FIRST.start, rows=2)) is True

    assert len(lake.bronze_files(EVENT)) == 2
    assert aws.called("PutObject") >= 3


def test_a_days_objects_are_found_by_the_day_they_are_about(lake: Lake) -> None:
    land(lake, pa.concat_tables([event(FIRST.start), event(SECOND.start, rows=5)]))

    rows = lake.query("SELECT rows FROM bronze.run_event WHERE day = DATE '2026-03-02'")
    assert rows["rows"].to_pylist() == [5]
    assert lake.read(EVENT, EVENT.scope(SECOND)).num_rows == 1


def test_a_report_in_s3_is_a_page_for_a_browser_and_what_the_newest_lacks_is_gone(aws: AwsServer, lake: Lake) -> None:
    for day, pages in ((FIRST, ("index", "old")), (SECOND, ("index",))):
        files = {"report.html": b"<html>", **{f"data_docs/{page}.html": b"<html>" for page in pages}}
        reports.publish(lake.storage, day.as_of, files)
        assert reports.publish_newest(lake.storage, day.as_of, files)

    s3, prefix = aws.client("s3"), f"{lake.settings.database}/reports/latest"
    assert s3.head_object(Bucket=BUCKET, Key=f"{prefix}/report.html")["ContentType"] == "text/html"
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    assert [each["Key"].removeprefix(prefix) for each in listed] == ["/data_docs/index.html", "/report.html"]
    assert lake.settings.report_address() == f"s3://{BUCKET}/{prefix}/report.html"
    assert reports.read_files(lake.storage, FIRST.as_of, "data_docs").keys() == {"index.html", "old.html"}
