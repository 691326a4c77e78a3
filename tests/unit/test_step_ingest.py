"""What a source hands over is landed as it is, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.sources import prices
from pipeline.sources._batch import Batch
from pipeline.steps.ingest import ingest
from pipeline.tables.usage import INCIDENT

DAY = Interval.day("2026-03-01")


def incident(*moments: datetime | None, **columns: Any) -> pa.Table:
    """One incident per moment, in the columns that a source delivers."""
    fields = {
        field.name: field.type
        for field in INCIDENT.arrow_schema
        if field.name not in ("load_id", "ingested_at", "sequence", "day")
    }
    row = {name: DAY.end if name == "end_at" else "x" for name in fields}
    rows = pa.Table.from_pylist([row | {"ts": moment} for moment in moments], schema=pa.schema(list(fields.items())))
    for name, values in columns.items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return rows


def deliver(monkeypatch: pytest.MonkeyPatch, rows: pa.Table) -> None:
    """Let the source `prices` hand over these incidents instead."""
    monkeypatch.setattr(prices, "TABLES", (INCIDENT.name,))
    monkeypatch.delattr(prices, "BEGINNING", raising=False)
    monkeypatch.setattr(prices, "fetch", lambda *_: iter([Batch(INCIDENT.name, "all", rows)]))


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(incident(DAY.start, DAY.end), id="a row at the interval's end"),
        pytest.param(incident(DAY.start - timedelta(microseconds=1), DAY.start), id="a row just before the interval"),
        pytest.param(incident(DAY.start, None), id="a row without a time"),
        pytest.param(
            incident(DAY.start, ts=pa.array([DAY.start], pa.timestamp("ms"))),
            id="a time in milliseconds, which another engine reads as something else",
        ),
    ],
)
def test_rows_from_outside_the_interval_are_refused_with_table_and_interval_and_nothing_is_landed(
    rows: pa.Table, lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(monkeypatch, rows)

    with pytest.raises(
        DataError, match=r"bronze\.incident .*2026-03-01.* source prices: ts .* expected microseconds inside the interval"
    ):
        ingest(DAY, lake, settings, target="prices")

    assert lake.read(INCIDENT).num_rows == 0


def test_rows_on_the_intervals_first_and_last_moment_are_landed(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(monkeypatch, incident(DAY.start, DAY.end - timedelta(microseconds=1)))

    assert ingest(DAY, lake, settings, target="prices") == 2
    assert lake.read(INCIDENT).num_rows == 2


def test_rows_in_other_columns_than_declared_are_refused(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(monkeypatch, incident(DAY.start).drop_columns("severity"))

    with pytest.raises(DataError, match=r"bronze\.incident .*: source prices delivers .* expected"):
        ingest(DAY, lake, settings, target="prices")


def test_a_mistyped_option_of_any_plug_stops_the_first_step_of_a_run_by_its_name(lake: Lake, settings: Settings) -> None:
    mistyped = settings.model_copy(update={"options": {"detectors": {"zscore": {"alert_deviation": 4}}}})

    with pytest.raises(ConfigError, match=r"options\.detectors\.zscore: there is no option 'alert_deviation'; did you mean"):
        ingest(DAY, lake, mistyped, target="prices")
