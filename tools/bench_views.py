"""What the views of cost that people open read of the tables behind them, asked for one month: a part of `make bench`.

The embedded engine opens every file behind a view and leaves row groups out; Athena leaves files out before it opens them. So the
plan of each view tells which bounds of the month reach each table, and which columns are asked for: the files that Iceberg plans
by these bounds are counted, with the bytes that they state of these columns. A view whose bounds do not reach a table, for it
compares months with each other, reads the whole of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.expressions.parser import parse

from pipeline import tables
from pipeline.lake import Lake, sql
from pipeline.lake.duckdb import translate
from pipeline.tables.schema import Scope

#: The month that is asked for, the last one that is over in the lakes of the bench.
MONTH = datetime(2026, 3, 1)
_AFTER = (MONTH + timedelta(days=31)).replace(day=1)
# So many days about the month have rows of other months: a bound that holds for all rows is left out of a plan.
_ENOUGH = timedelta(days=62)
#: Views of cost beside those that are called so.
_ALSO = ("budget_current", "invoice_reconciliation", "unit_cost_monthly", "usage_charged")
# How a plan words a bound, as in `month='2026-03-01'::DATE`.
_BOUND = re.compile(r"\(?(\w+)\s*(=|>=|<=|>|<)\s*'([\d-]+)(?: ([\d:.]+))?'::(?:DATE|TIMESTAMP)\)?")


class Scan(NamedTuple):
    """What a plan reads of one table.

    Attributes:
        table: its name.
        columns: asked for.
        bound: on moments, in Iceberg's words; empty where none reaches the table.
    """

    table: str
    columns: frozenset[str]
    bound: str


def names() -> list[str]:
    """The views that are measured."""
    return [each for each in sql.views() if (short := each.partition(".")[2]).startswith("cost_") or short in _ALSO]


def asked(view: str) -> str:
    """A view as somebody asks for the month: by its month, else by its days; one of what is newest as it is."""
    columns = {each.alias_or_name for each in sql.parse(sql.text(view)).selects}
    listed = ", ".join(f'"{each}"' for each in sorted(columns))
    if "month" in columns:
        return f"SELECT {listed} FROM {view} WHERE month = DATE '{MONTH:%Y-%m-%d}'"  # noqa: S608
    if "ts" in columns and "as_of" not in columns:
        return f"SELECT {listed} FROM {view} WHERE ts >= TIMESTAMP '{MONTH}' AND ts < TIMESTAMP '{_AFTER}'"  # noqa: S608
    return f"SELECT {listed} FROM {view}"  # noqa: S608


def read_scans(view: str, lake: Lake) -> list[Scan]:
    """What the plan of a view over the lake's rows reads."""
    text = asked(view)
    with closing(duckdb.connect(config={"integer_division": True})) as connection:
        mounted: set[str] = set()
        _mount(connection, text, lake, mounted)
        plan = json.loads(connection.execute(f"EXPLAIN (FORMAT json) {translate(text)}").fetchall()[0][1])
        return [_scan(each) for each in _every(plan)]


def measure_view(view: str, lake: Lake) -> tuple[int, int, int]:
    """Partitions, objects and bytes of the columns that a view asked for the month reads."""
    partitions, objects = set[tuple[str, Any]](), set[str]()
    size: dict[tuple[str, int], int] = {}
    for scan in read_scans(view, lake):
        iceberg = lake.iceberg(tables.get(scan.table))
        if iceberg is None:
            continue
        fields = {field.field_id for field in iceberg.schema().fields if field.name in scan.columns}
        for task in iceberg.scan(row_filter=parse(scan.bound) if scan.bound else AlwaysTrue()).plan_files():
            file = task.file
            partitions.add((scan.table, file.partition[0]))
            objects.add(file.file_path)
            for field in fields & file.column_sizes.keys():
                size[file.file_path, field] = file.column_sizes[field]
    return len(partitions), len(objects), sum(size.values())


def _mount(connection: Any, text: str, lake: Lake, mounted: set[str]) -> None:
    """Tables with rows of the lake, and views, in a DuckDB of their own, whose plans name what they scan."""
    for name in sorted(sql.relations(sql.parse(text)) - mounted):
        mounted.add(name)
        layer, _, short = name.partition(".")
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
        if layer == sql.VIEWS:
            _mount(connection, sql.text(name), lake, mounted)
            connection.execute(f'CREATE VIEW "{layer}"."{short}" AS {translate(sql.text(name))}')
            continue
        table = tables.get(name)
        rows = lake.read(table, Scope(table.time, MONTH - _ENOUGH, MONTH + _ENOUGH))
        connection.register("rows", rows)
        connection.execute(f'CREATE TABLE "{layer}"."{short}" AS FROM rows')
        connection.unregister("rows")


def _every(plan: Any) -> Iterator[dict[str, Any]]:
    for node in plan if isinstance(plan, list) else [plan]:
        if "Table" in node.get("extra_info", {}):
            yield node["extra_info"]
        yield from _every(node.get("children", []))


def _scan(told: dict[str, Any]) -> Scan:
    table = ".".join(told["Table"].replace('"', "").split(".")[-2:])
    columns, filters = (
        [each] if isinstance(each, str) else each for each in (told.get("Projections", []), told.get("Filters", []))
    )
    bounds = [
        f"{column} {sign} '{day}{f'T{time}' if time else ''}'"
        for each in filters
        for part in each.split(" AND ")
        for column, sign, day, time in [match.groups() for match in [_BOUND.fullmatch(part.strip())] if match]
    ]
    asked_for = {
        *columns,
        *(column for column in tables.get(table).arrow_schema.names if any(column in each for each in filters)),
    }
    return Scan(table, frozenset(asked_for), " and ".join(bounds))
