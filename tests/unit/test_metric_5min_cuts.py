"""`silver.metric_5min` of runs that build as samples come is that of one pass, and a run reads its own minutes alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.interval import Interval
from pipeline.lake import Lake, bronze, duckdb, sql
from pipeline.lake.rows import fill_columns
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.steps.build import build
from pipeline.tables.usage import METRIC_5MIN, METRIC_SAMPLE

DAY = datetime(2026, 3, 2)
FIVE = timedelta(minutes=5)
TEXT = sql.text(METRIC_5MIN.name)
#: How a sample may be stated: metric, statistic, unit, and seconds that it stands for.
WAYS = (
    *(("NetworkIn", "Sum", "Bytes", 60), ("NetworkIn", "Average", "Bytes", 60), ("NetworkIn", "Average", "Bytes/Second", 300)),
    *(
        ("RequestCount", "Sum", "Count", 60),
        ("RequestCount", "Sum", "Count", 300),
        ("RequestCount", "Average", "Count/Second", 60),
    ),
    *(
        ("CPUUtilization", "Average", "Percent", 60),
        ("CPUUtilization", "Average", "Ratio", 60),
        ("CPUUtilization", "Sum", "ms", 60),
    ),
)
Sample = tuple[int, int, float]
SAMPLES = st.tuples(st.integers(0, 59), st.integers(0, len(WAYS) - 1), st.sampled_from([0.1, 0.2, 0.5, 0.7]))


def landed(batches: list[list[Sample]]) -> pa.Table:
    """Bronze after some landings; the same payload is the same load. A sample is its minute, way and value."""
    rows = [
        {
            "day": DAY.date(),
            "source": "csv",
            "account": "1",
            "region": "r",
            "resource_id": "i-1",
            **dict(zip(("metric", "statistic", "unit", "period_s"), WAYS[way], strict=True)),
            "ts": DAY + timedelta(minutes=minute),
            "value": value,
            "load_id": str(batch),
            "ingested_at": DAY + timedelta(days=1),
            "sequence": number + 1,
        }
        for number, batch in enumerate(batches)
        for minute, way, value in batch
    ]
    schema = pa.schema([field for field in METRIC_SAMPLE.arrow_schema if not rows or field.name in rows[0]])
    return fill_columns(pa.Table.from_pylist(rows, schema), METRIC_SAMPLE, METRIC_SAMPLE.arrow_schema.names)


def asked(rows: pa.Table, start: datetime, end: datetime) -> dict[tuple[str, datetime], dict[str, Any]]:
    found = duckdb.query(TEXT, {"start": start, "end": end}, lambda _: rows).to_pylist()
    return {(row["series_id"], row["ts"]): row for row in found}


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(SAMPLES, min_size=1, max_size=12), min_size=1, max_size=5))
def test_what_is_built_as_samples_come_late_and_again_and_differently_stated_is_what_one_pass_over_the_day_gives(
    batches: list[list[Sample]],
) -> None:
    built: dict[tuple[str, datetime], dict[str, Any]] = {}
    for number, batch in enumerate(batches):
        so_far = landed(batches[: number + 1])
        for period in sorted({minute // 5 for minute, _, _ in batch}):
            start = DAY + period * FIVE
            built = {key: row for key, row in built.items() if key[1] != start} | asked(so_far, start, start + FIVE)

    assert built == asked(landed(batches), DAY, DAY + timedelta(days=1))


def test_a_run_asks_bronze_for_its_own_minutes_and_not_for_the_day_so_far(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = {"account": "1", "region": "r", "resource_id": "i-1", "metric": "CPUUtilization", "unit": "Percent"}
    sample |= {"statistic": "Average", "period_s": 300, "source": "csv"}
    moments = [DAY + number * FIVE for number in range(24)]
    rows = _bronze.rows(METRIC_SAMPLE.name, {**sample, "ts": moments, "value": [1.0] * 24})
    lake.land(METRIC_SAMPLE, rows, source="csv", shard="a", ingested_at=moments[-1])
    read: list[int] = []
    scanner = bronze.DailyObjects.scanner

    def spied(objects: bronze.DailyObjects, **asked: Any) -> Any:
        read.append(scanner(objects, **asked).count_rows())
        return scanner(objects, **asked)

    monkeypatch.setattr(bronze.DailyObjects, "scanner", spied)

    assert build(Interval(moments[20], moments[22]), lake, settings, target=METRIC_5MIN.name) == 2
    assert read == [2]
