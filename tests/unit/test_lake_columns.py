"""A column that is declared later: what was stored before has none of it, in every way of reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import DataError
from pipeline.forecasting.calendars import calendar
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import NUMBER, TEXT
from pipeline.tables.usage import CALENDAR

DAY = Interval.day("2026-03-01")
NOTED = Column(name="noted", type=NUMBER, doc="New.", nullable=True)


def land(lake: Lake, table: Table, ts: datetime, **values: float) -> None:
    row = {"source": "s", "ts": ts, "start_at": ts, "step": "build", "target": "t", "shard": 0, "outcome": "done", "rows": 1}
    schema = pa.schema([f for f in table.arrow_schema if f.name not in (*STAMPED, "day")])
    payload = pa.Table.from_pylist([row | {"wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0} | values], schema=schema)
    lake.land(table, payload, source="s", shard="x", ingested_at=datetime(2026, 3, 5))


@pytest.fixture
def wider() -> dict[str, Table]:
    """Bronze and silver tables with a column more; they count once they are put in place."""
    return {table.name: replace(table, columns=(*table.columns, NOTED)) for table in (RUN_EVENT, CALENDAR)}


def test_objects_landed_before_a_column_was_declared_have_none_of_it(
    lake: Lake, wider: dict[str, Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    land(lake, RUN_EVENT, DAY.start)
    event = wider["bronze.run_event"]
    monkeypatch.setitem(tables.ALL, event.name, event)
    text = "SELECT noted AS noted FROM bronze.run_event ORDER BY ts"

    assert lake.query(text)["noted"].to_pylist() == [None]
    land(lake, event, DAY.end, noted=2.5)
    assert lake.query(text)["noted"].to_pylist() == [None, 2.5]
    assert lake.read(event)["noted"].to_pylist() == [None, 2.5]
    assert lake.query("SELECT rows AS rows FROM bronze.run_event WHERE day = DATE '2026-03-02'")["rows"].to_pylist() == [1]


def test_rows_published_before_a_column_was_declared_have_none_of_it(
    lake: Lake, wider: dict[str, Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CALENDAR
    lake.replace(table, conform(calendar(DAY), table, DAY), table.scope(DAY))
    monkeypatch.setitem(tables.ALL, table.name, wider[table.name])

    # Whoever upgrades reads before the next run writes.
    assert lake.query("SELECT noted AS noted FROM silver.calendar")["noted"].to_pylist() == [None]
    assert lake.read(wider[table.name])["noted"].to_pylist() == [None]
    assert lake.read(wider[table.name], columns=("noted",))["noted"].to_pylist() == [None]
    assert [name for name, changed in lake.create_tables() if name == table.name and changed] == [table.name]
    assert lake.query("SELECT noted AS noted FROM silver.calendar")["noted"].to_pylist() == [None]
    assert lake.read(wider[table.name])["noted"].to_pylist() == [None]


def test_a_column_that_had_to_have_a_value_may_be_null_once_it_is_declared_so(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CALENDAR
    name = next(c.name for c in table.columns if not c.nullable and c.name not in (*table.key, table.time, "day"))
    looser = replace(table, columns=tuple(replace(c, nullable=True) if c.name == name else c for c in table.columns))
    rows = conform(calendar(DAY), table, DAY)
    lake.replace(table, rows, table.scope(DAY))
    monkeypatch.setitem(tables.ALL, table.name, looser)
    empty = rows.set_column(
        rows.schema.get_field_index(name), looser.arrow_schema.field(name), pa.nulls(len(rows), rows.schema.field(name).type)
    )

    lake.replace(looser, empty.cast(looser.arrow_schema), looser.scope(DAY))

    assert lake.read(looser)[name].to_pylist() == [None] * len(rows)


def test_a_table_that_another_version_stored_by_other_columns_is_refused_with_what_to_do(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = CALENDAR
    lake.replace(table, conform(calendar(DAY), table, DAY), table.scope(DAY))
    named = Column(name="place", type=TEXT, doc="Part of the key.")
    other = replace(table, columns=(*table.columns, named), key=(*table.key, "place"))
    monkeypatch.setitem(tables.ALL, table.name, other)
    said = r"calendar: another version of Headroom stored it, without place; .*`python -m pipeline tables drop silver.calendar`"

    with pytest.raises(DataError, match=said):
        lake.read(other)
    with pytest.raises(DataError, match=said):
        lake.query("SELECT count(*) AS days FROM silver.calendar")

    lake.drop(other)

    assert not lake.exists(other)
