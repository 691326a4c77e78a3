"""The same query over the same rows on Trino and on the embedded engine: what differs, and the fewest rows that show it.

Known to differ, for good, and therefore not told:

- doubles to nine digits, and the sign of zero: sums of doubles depend on the order in which an engine adds them;
- a double as a decimal, in the ninth place: DuckDB multiplies in binary. Hence the absolute tolerance, too;
- a character beyond the basic plane in JSON, which Trino writes as its two escapes: the same JSON;
- the text of a number in JSON (1.50, 1e-05), where it is a tag: none is made;
- `date_diff` of moments finer than a millisecond, which Trino cuts first: none is made;
- both engines refuse a decimal of more than 38 digits, in words of their own: two errors are the same answer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.errors import HeadroomError
from pipeline.lake import duckdb, glue, sql
from pipeline.tables.schema import Column, Table
from pipeline.tables.types import MOMENT, TEXT
from tests.support.trino_engine import Answer, TrinoError, ask

RELATIVE, ABSOLUTE = 1e-9, 2e-9
_RELATION = re.compile(r"\bfz_(bronze|silver|gold)\.(\w+)(?:\s+AS\s+(\w+))?")
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\u[dD][89aAbB]\w\w\\u[dD][c-fC-F]\w\w")
Rows = Mapping[str, pa.Table]


def compare(trino: str, name: str, params: dict[str, Any], lake: Rows) -> str:
    """How the two answers to the query of one file over some rows differ, as a sentence; empty where they do not.

    Args:
        trino: where it answers.
        name: of the file, such as `silver.price`.
        params: value by name.
        lake: the rows of each `layer.table` behind the query.
    """
    text = sql.text(name)
    theirs = _on_trino(trino, text, params, lake)
    try:
        ours = duckdb.query(text, params, lambda table: lake[table])
    except HeadroomError as error:
        return "" if isinstance(theirs, TrinoError) else f"only DuckDB refuses it: {error}"
    if isinstance(theirs, TrinoError):
        return f"only Trino refuses it: {theirs}"
    is_ordered = sql.parse(text).args.get("order") is not None
    return difference(theirs, ours, is_ordered=is_ordered)


def shrink(trino: str, name: str, params: dict[str, Any], lake: Rows, tries: int = 80) -> dict[str, pa.Table]:
    """The fewest rows found of which the answers still differ, of each table behind the query."""
    kept = {table: lake[table] for table in sorted(sql.tables_behind(sql.parse(sql.text(name))))}
    size = 16
    while size and tries:
        for table in kept:
            start = 0
            while start < kept[table].num_rows and tries:
                fewer = pa.concat_tables([kept[table].slice(0, start), kept[table].slice(start + size)])
                tries -= 1
                if compare(trino, name, params, {**kept, table: fewer}):
                    kept[table] = fewer
                else:
                    start += size
        size //= 2
    return kept


def _on_trino(trino: str, text: str, params: dict[str, Any], lake: Rows) -> Answer | TrinoError:
    """The answer over rows that stand in the statement: to plan one takes Trino longest, and longer where it reads tables."""

    def written(found: re.Match[str]) -> str:
        table = tables.get(f"{found[1]}.{found[2]}")
        return f"({_rows(table, lake[table.name], named)}) AS {found[3] or found[2]}"

    statement = sql.to_athena(text, "fz", params)
    named = set(_WORD.findall(statement))
    try:
        return ask(trino, _RELATION.sub(written, statement), task_concurrency="1")
    except TrinoError as error:
        return error


def _rows(table: Table, rows: pa.Table, named: set[str]) -> str:
    """Rows as a SELECT of the columns that the statement names, with the types that Glue's tables have in Trino.

    They are one text of JSON, of which Trino makes rows as it runs, as it does of a file; of expressions it does when it plans.
    """
    columns = [column for column in table.all_columns if column.name in named] or table.all_columns[:1]
    selected = ", ".join(f'cast(c{number} AS {_kind(table, column)}) AS "{column.name}"' for number, column in enumerate(columns))
    cells = ", ".join(f"c{number} varchar" for number in range(len(columns)))
    lines = [[_text(value) for value in line.values()] for line in rows.select([column.name for column in columns]).to_pylist()]
    written = sql.literal(json.dumps(lines, ensure_ascii=False))
    return f"SELECT {selected} FROM UNNEST(cast(json_parse({written}) AS array(row({cells}))))"  # noqa: S608 declared names


def _kind(table: Table, column: Column) -> str:
    """Bronze's moments have milliseconds."""
    if column.type == TEXT:
        return "varchar"
    if column.type == MOMENT:
        return f"timestamp({3 if table.layer == 'bronze' else 6})"
    return glue.HIVE_TYPES[column.type]


def _text(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return None if value is None else str(value)


def difference(theirs: Answer, ours: pa.Table, *, is_ordered: bool) -> str:
    """How Trino's rows differ from ours, as a sentence; empty where they say the same."""
    names = [name for name, _ in theirs.columns]
    if names != ours.column_names:
        return f"columns {names} on Trino, {ours.column_names} here"
    left = [[_value(v, kind) for v, (_, kind) in zip(row, theirs.columns, strict=True)] for row in theirs.rows]
    right = [[_plain(v) for v in row.values()] for row in ours.to_pylist()]
    if len(left) != len(right):
        return f"{len(left)} rows on Trino, {len(right)} here"
    if not is_ordered:
        left, right = sorted(left, key=_order), sorted(right, key=_order)
    for mine, other in zip(right, left, strict=True):
        for name, here, there in zip(names, mine, other, strict=True):
            if not _is_same(here, there):
                return f"{name} is {there!r} on Trino, {here!r} here"
    return ""


def _order(row: list[Any]) -> list[tuple[str, Any]]:
    """By what is exact first: doubles that differ in their last digit must not change the order."""
    exact = [(type(v).__name__, str(v)) for v in row if not isinstance(v, float)]
    return [*exact, *(("", f"{v:.6e}" if abs(v) > ABSOLUTE else "0") for v in row if isinstance(v, float))]


def _is_same(here: Any, there: Any) -> bool:
    if isinstance(here, float) and isinstance(there, float):
        both_nan = math.isnan(here) and math.isnan(there)
        return both_nan or math.isclose(here, there, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(here) is type(there) and bool(here == there)


def _value(value: Any, kind: str) -> Any:
    """A value of Trino's protocol as Python has it."""
    if value is None:
        return value
    if kind.startswith(("varchar", "char")):
        return _ESCAPED.sub(lambda pair: json.loads(f'"{pair[0]}"'), value) if value.startswith("{") else value
    if kind.startswith("decimal") or kind == "double":
        return float(value)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "date" else value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
