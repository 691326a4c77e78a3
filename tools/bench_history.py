"""What queries of a daily run and views of cost open in a lake with 30 months of history, and in one with 54: `make bench`.

No query of a run reads the whole history, so that the two are equal: partitions of bronze that are listed, objects and bytes that
are opened, as the embedded engine does it; Athena lists the same partitions and plans by the same bounds. The lakes are made up:
each table has the same few rows on each day, prices are the shipped list.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Column as GridColumn
from rich.table import Table as Grid

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.quality.conform import conform
from pipeline.sources import prices
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import PRICE, PRICE_HELD
from pipeline.tables.schema import Column, Scope, Table, bucket_of
from pipeline.tables.types import DATE, FLAG, MOMENT, NUMBER, TEXT
from pipeline.upkeep.cost_of_run import SINCE
from tools import bench_views

DAY = Interval.day("2026-04-15")
MONTHS = (30, 54)
#: Asked by people, not by a step of the run.
BY_HAND = (
    *("inputs.answerable", "inputs.answerable_cost", "inputs.newest_forecast", "inputs.allocation_of_resource"),
    *("inputs.cost_drivers", "inputs.named_anomaly", "inputs.run_of_recommendation"),
    *("inputs.loads_of_resource", "inputs.driver_charges"),
)
RESOURCES = 4
#: Whose bill, and which part of it, where a query is about one.
OF_A_BILL = {"source": "s", "provider": "AWS", "payer": "1", "currency": "USD", "account": "1", "service": "", "usage_type": ""}
# What is landed anew each day; the other tables of bronze are the synthetic fleet's.
LANDED = (
    *("bronze.metric_sample", "bronze.resource_snapshot", "bronze.focus_line", "bronze.cur_line", "bronze.billing_period"),
    *("bronze.invoice_detail", "bronze.run_event"),
)
WORDS = {"metric": "cpu_utilization", "currency": "USD", "charge_category": "Usage", "charge_class": "none", "tags_json": "{}"}
console = Console()


@dataclass(frozen=True)
class Figures:
    """How much one query opened."""

    partitions: int
    objects: int
    bytes: int


def main() -> None:
    """Make the two lakes, each in a process of its own, and print what each query opened in them."""
    with console.status("making two lakes"), ProcessPoolExecutor(len(MONTHS), get_context("spawn")) as processes:
        (near, near_views), (far, far_views) = processes.map(measure, MONTHS)
    show(near, far)
    console.print(f"not of the run: {', '.join(BY_HAND)}")
    show(near_views, far_views, "what the views of cost read in Athena, asked for one month,")


def measure(months: int) -> tuple[dict[str, Figures], dict[str, Figures]]:
    """What each query opened in a lake with so many months of history, and what each view of cost would."""
    with tempfile.TemporaryDirectory() as home:
        lake = make_lake(Path(home), months)
        return dict(ask(lake)), {name: Figures(*bench_views.measure_view(name, lake)) for name in bench_views.names()}


def make_lake(home: Path, months: int) -> Lake:
    """A lake whose tables have rows for every day of so many months before the end of the day."""
    lake = open_lake(settings_module.load({}, home=home))
    count = round(months * 365.25 / 12)
    days = [DAY.end - timedelta(days=number) for number in range(count, -1, -1)]
    for table in tables.ALL.values():
        if table.name in LANDED:
            names = [c.name for c in table.columns if c.name not in STAMPED]
            data = rows_of(table, days).select(names)
            lake.land(table, data, source="bench", shard="bench", ingested_at=DAY.end)
        elif table.layer != "bronze" and table != PRICE_HELD:
            lake.replace(table, rows_of(table, days), Scope(table.time, days[0], days[-1] + timedelta(days=1)))
    listed = prices.price_list().filter(pc.field("ts") < DAY.end)
    lake.land(PRICE, listed, source="prices", shard="us-east-1", ingested_at=DAY.end)
    held = listed.select([name for name in PRICE_HELD.names if name != "landings"])
    held = held.append_column("landings", pa.array([1] * held.num_rows, pa.int64()))
    whole = Interval(prices.BEGINNING, DAY.end)
    lake.replace(PRICE_HELD, conform(held, PRICE_HELD, whole), PRICE_HELD.scope(whole))
    return open_lake(lake.settings)


def rows_of(table: Table, days: list[datetime]) -> pa.Table:
    """The same rows on each day, or first of a month, a resource each: their values mean nothing."""
    days = [day for day in days if day.day == 1 or not table.by_month]
    rows = [(day, each) for day in days for each in range(RESOURCES)]
    columns = {c.name: [_value(c, day, each) for day, each in rows] for c in table.columns}
    columns[table.partition] = [day.date() if table.partition == "day" else day.date().replace(day=1) for day, _ in rows]
    return pa.table(columns, schema=table.arrow_schema)


def _value(column: Column, day: datetime, resource: int) -> Any:
    series = f"1/us-east-1/i-{resource}/cpu_utilization"
    named: dict[str, Any] = {
        "series_id": series,
        "resource_id": f"i-{resource}",
        "bucket": bucket_of(series),
        "load_id": "0" * 64,
    }
    if column.name in named:
        return named[column.name]
    if column.type == TEXT:
        return WORDS.get(column.name) or (column.values[0] if column.values else "x")
    if column.type == MOMENT:
        return day
    if column.type == DATE:
        return day.date()
    if column.type == FLAG:
        return True
    return 0.5 if column.type == NUMBER else resource + 1


def ask(lake: Lake) -> Iterator[tuple[str, Figures]]:
    """What each query of the run over the day opens."""
    for name in sql.names():
        if name.startswith(f"{sql.VIEWS}.") or name in BY_HAND:
            continue
        back = SINCE[name](lake.settings) if name in SINCE else timedelta()
        months = DAY.whole_months() if "whole months" in sql.header(name) else DAY
        moments = {"start": months.start, "end": months.end, "as_of": DAY.end, "since": DAY.end - back}
        moments |= {"before": DAY.end - back, "until": DAY.end}
        asked = sql.parameters(sql.parse(sql.text(name)))
        told = {each: getattr(lake.settings, each) for each in asked & type(lake.settings).model_fields.keys()}
        plain = {
            "shard": 0,
            "shards": 1,
            "metric": "",
            "hours": 168,
            "at_most": 200,
            "rhythm": "day",
            "by_resource_id": 1,
            "by_usage_type": 1,
            "dimension": "team",
            "metrics": "",
            **dict.fromkeys(("resources", "usage_types", "items", "series"), " "),
        }
        lake.query(sql.text(name), moments | OF_A_BILL | told | plain)
        opened = lake.relations.opened.values()
        files = sorted({file for each in opened for file in each.files})
        sizes = [info.size for info in lake.storage.filesystem.get_file_info(files)] if files else []
        yield name, Figures(sum(len(each.days) for each in opened), len(files), sum(sizes))


def show(near: dict[str, Figures], far: dict[str, Figures], what: str = "what a daily run's queries open") -> None:
    """One line per query: one figure where the two lakes agree, else both."""
    title = f"{what} at {MONTHS[0]} and at {MONTHS[1]} months of history"
    grid = Grid(GridColumn("query", no_wrap=True), "partitions listed", "objects", "bytes", title=title)
    for name in near:
        figures = zip(astuple(near[name]), astuple(far[name]), strict=True)
        grid.add_row(name, *(f"{one:,}" if one == other else f"{one:,} and {other:,}" for one, other in figures))
    console.print(grid)
    pairs = [(near[name], far[name]) for name in near]
    most = max(max(b.objects / max(a.objects, 1), b.bytes / max(a.bytes, 1)) for a, b in pairs)
    more = sum(b.partitions > a.partitions for a, b in pairs)
    console.print(f"partitions: {more} queries list more at {MONTHS[1]} months; objects and bytes: {most - 1:+.1%} at most")


if __name__ == "__main__":
    main()
