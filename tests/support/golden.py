"""Golden cases: given tables as CSV, one SQL file, the rows expected of it.

A case is a folder `tests/sql/<layer>/<name>/<case>/`, where the layer may be `views`, `inputs` or `alerts`, with
`given/<layer>.<table>.csv`, `params.json` for a query with parameters, and
`expected.csv`, whose header says which columns are compared. Columns that a given CSV leaves out are null where the table allows
it, else a filler.
"""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import tables
from pipeline.lake import duckdb, sql
from pipeline.settings import Settings
from pipeline.sources import _bronze
from pipeline.tables.schema import Column, Table, bucket_of
from pipeline.tables.types import DATE, FLAG, MOMENT, MONEY, NUMBER, TEXT
from pipeline.tables.usage import METRIC_SAMPLE

ROOT = Path(__file__).parent.parent / "sql"
EPOCH = datetime(1970, 1, 1)
#: What a rule of `sql/alerts` asks of the settings, by name, as it comes.
SETTINGS = {name: field.default for name, field in Settings.model_fields.items() if isinstance(field.default, int | float)}


def partition_of(moment: datetime, partition: str) -> date:
    """The partition value of one moment."""
    return moment.date() if partition == "day" else moment.date().replace(day=1)


def cases() -> list[Path]:
    return sorted(folder.parent for folder in ROOT.glob("*/*/*/expected.csv"))


def title(case: Path) -> str:
    """A case's name among all: `silver/metric_hourly/…`."""
    return "/".join(case.parts[-3:])


def name(case: Path) -> str:
    """What a case is about: `silver.metric_hourly`."""
    return f"{case.parts[-3]}.{case.parts[-2]}"


def given(case: Path) -> dict[str, pa.Table]:
    """The given tables by name, in their declared schemas."""
    return {path.stem: _table(tables.get(path.stem), path) for path in sorted((case / "given").glob("*.csv"))}


def params(case: Path) -> dict[str, Any]:
    path = case / "params.json"
    if not path.exists():
        return {}
    return {name: _param(value) for name, value in json.loads(path.read_text()).items()}


def _param(value: Any) -> Any:
    """A moment where a text begins with a year; numbers and other texts are themselves."""
    return datetime.fromisoformat(value) if isinstance(value, str) and value[:4].isdigit() else value


@cache
def asked(case: Path) -> pa.Table:
    """What the query of a case gives; several tests hold another answer against it."""
    return ask(case, given(case))


def ask(case: Path, given: dict[str, pa.Table]) -> pa.Table:
    """The query of a case in the embedded engine, over given tables; those that are not given have no rows."""
    text = sql.text(name(case))
    return duckdb.query(text, params(case), lambda table: given.get(table, tables.get(table).arrow_schema.empty_table()))


def expected(case: Path) -> list[dict[str, str]]:
    with (case / "expected.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _table(table: Table, path: Path) -> pa.Table:
    with path.open(newline="") as file:
        records = list(csv.DictReader(file))
    known = {c.name for c in table.all_columns}
    unknown = {name for record in records for name in record} - known
    assert not unknown, f"{path}: {table.name} has no columns {sorted(unknown)}"
    columns = {
        c.name: [_value(record[c.name], c) if c.name in record else filler(c) for record in records] for c in table.columns
    }
    if "bucket" in columns and "series_id" in columns:
        columns["bucket"] = [bucket_of(name) for name in columns["series_id"]]
    columns[table.partition] = [partition_of(moment, table.partition) for moment in columns[table.time]]
    # Not `quality.conform`: bronze may hold what silver refuses.
    return pa.table(columns, schema=table.arrow_schema)


def _value(text: str, column: Column) -> Any:
    if text == "" and column.nullable:
        return None
    if column.type == TEXT:
        return text
    if column.type == FLAG:
        return text.lower() == "true"
    if column.type == DATE:
        return date.fromisoformat(text)
    if column.type == MOMENT:
        return datetime.fromisoformat(text)
    if column.type == MONEY:
        return Decimal(text)
    return float(text) if column.type == NUMBER else int(text)


def filler(column: Column) -> Any:
    if column.nullable:
        return None
    if column.name == "load_id":
        return "0" * 64
    if column.type == TEXT:
        return column.values[0] if column.values else "x"
    if column.type == FLAG:
        return False
    if column.type == DATE:
        return EPOCH.date()
    if column.type == MONEY:
        return Decimal(0)
    return EPOCH if column.type == MOMENT else column.arrow_type.to_pandas_dtype()(0)


def payload(*rows: dict[str, Any]) -> pa.Table:
    """Samples as a source hands them over: hourly means of one machine's CPU, but for what each row says."""
    plain = {"source": "csv", "account": "1", "region": "r", "resource_id": "i-1", "metric": "cpu_utilization", "unit": "percent"}
    plain |= {"statistic": "Average", "period_s": 3600}
    return pa.Table.from_pylist([plain | row for row in rows], schema=_bronze.schema(METRIC_SAMPLE.name))


def comparable(value: Any) -> str:
    """A value as the CSVs write it, floats to nine digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(round(value, 9) + 0.0)
    return str(value)


def normal(text: str, kind: pa.DataType) -> str:
    """The text of an expected value, in the same form."""
    if text == "":
        return ""
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return repr(round(float(text), 9) + 0.0)
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(text).isoformat()
    return text
