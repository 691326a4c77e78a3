"""A table of silver without rows: nothing landed yet, late, refused, or nothing at all."""

from __future__ import annotations

import logging
from datetime import datetime

import pyarrow as pa
import pytest

from pipeline import steps
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.tables.money import FOCUS_LINE
from pipeline.tables.operations import CHECK_RESULT
from pipeline.tables.usage import METRIC_SAMPLE
from tests.support.bills import build_cost, line

DAY = Interval.day("2026-03-02")


def land_metrics(lake: Lake, day: int, value: float = 40.0) -> None:
    """A day of hours of one metric."""
    sample = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "metric": "cpu_utilization"}
    sample |= {"statistic": "Average", "period_s": 3600, "unit": "percent", "value": value}
    moments = [datetime(2026, 3, day, hour) for hour in range(24)]
    rows = _bronze.rows(METRIC_SAMPLE.name, {**sample, "ts": moments})
    lake.land(METRIC_SAMPLE, rows, source="csv", shard="a", ingested_at=datetime(2026, 3, 9))


def land_bill(lake: Lake, day: int) -> None:
    """One line of a bill."""
    rows = pa.Table.from_pylist([line(day)], schema=_bronze.schema(FOCUS_LINE.name))
    lake.land(FOCUS_LINE, rows, source="billing", shard="a", ingested_at=datetime(2026, 3, 9))


def build(table: str, settings: Settings) -> int:
    return steps.perform("build", DAY, target=table, settings=settings)


def checks(lake: Lake, table: str) -> dict[str, bool]:
    """Rules about landed rows that are on record, and whether they held."""
    rows = lake.read(CHECK_RESULT).to_pylist()
    return {row["rule"]: row["success"] for row in rows if row["table_name"] == table and row["rule"].startswith("landed")}


def test_a_bill_alone_is_built_and_what_was_never_landed_is_said_in_the_log(
    lake: Lake, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline.steps")
    land_bill(lake, 2)

    assert build("silver.metric_daily", settings) == 0
    assert build_cost(settings, DAY) == 1
    [said] = [record for record in caplog.records if "silver.metric_daily" in record.message]
    assert (said.levelname, checks(lake, "silver.metric_daily")) == ("INFO", {})
    assert said.message.endswith("not built, for nothing was landed in bronze.metric_sample up to these days")


def test_metrics_that_were_there_the_day_before_are_missed_loudly_and_on_record(
    lake: Lake, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    land_metrics(lake, 1)
    land_bill(lake, 2)

    assert build("silver.metric_daily", settings) == 0
    [said] = [record for record in caplog.records if "silver.metric_daily" in record.message]
    assert said.levelname == "WARNING"
    assert "the newest before them is of 2026-03-01" in said.message
    assert checks(lake, "silver.metric_daily") == {"landed(bronze.metric_sample)": False}


def test_a_bill_that_is_late_does_not_hold_up_the_metrics_and_is_on_record(lake: Lake, settings: Settings) -> None:
    rows = pa.Table.from_pylist([line(1, billing_period=datetime(2026, 2, 1))], schema=_bronze.schema(FOCUS_LINE.name))
    lake.land(FOCUS_LINE, rows, source="billing", shard="a", ingested_at=datetime(2026, 3, 9))
    land_metrics(lake, 2)

    assert (build("silver.bill", settings), build("silver.metric_daily", settings)) == (1, 1)
    assert checks(lake, "silver.bill") == {"landed(bronze.cur_line, bronze.focus_line)": False}


def test_what_has_arrived_meanwhile_is_no_longer_missed(lake: Lake, settings: Settings) -> None:
    land_metrics(lake, 1)
    land_bill(lake, 2)
    build("silver.metric_daily", settings)

    land_metrics(lake, 2)

    assert build("silver.metric_daily", settings) == 1
    assert checks(lake, "silver.metric_daily") == {}


def test_rows_of_which_none_counts_are_an_error_that_says_where_they_are(lake: Lake, settings: Settings) -> None:
    land_metrics(lake, 2, value=-1.0)
    land_bill(lake, 2)

    with pytest.raises(DataError, match=r"bronze\.metric_sample has some .* none of them counts; `build silver\.quarantine`"):
        build("silver.metric_daily", settings)


def test_a_day_on_which_nothing_was_landed_is_refused(lake: Lake, settings: Settings) -> None:
    land_metrics(lake, 1)

    with pytest.raises(DataError, match="nothing was landed for these days in bronze.cur_line or .*; run `ingest` first"):
        build("silver.metric_daily", settings)


def test_what_was_published_stays_where_a_day_is_built_again_without_rows(lake: Lake, settings: Settings) -> None:
    land_bill(lake, 2)
    build_cost(settings, DAY)
    build("silver.metric_daily", settings)

    assert lake.query("SELECT count(*) AS n FROM silver.cost_daily")["n"].to_pylist() == [1]
