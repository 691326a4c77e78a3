"""The same query over the same rows on Trino and on the embedded engine: what differs, and the fewest rows that show it.

Known to differ, for good, and therefore not told:

- doubles to nine digits, and the sign of zero: sums of doubles depend on the order in which an engine adds them;
- a double as a decimal, in the ninth place: DuckDB multiplies in binary. Hence the absolute tolerance, too;
- the text of a number in JSON (1.50, 1e-05), where it is a tag: none is made;
- `date_diff` of moments finer than a millisecond, which Trino cuts first: none is made;
- both engines refuse a decimal of more than 38 digits, in words of their own: two errors are the same answer.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import tables
from pipeline.errors import HeadroomError
from pipeline.lake import duckdb, glue, sql
from pipeline.tables.arrow import ARROW_TYPES
from tests.support.aws_server import BUCKET, AwsServer
from tests.support.trino_engine import Answer, TrinoError, ask, catalog_of

RELATIVE, ABSOLUTE = 1e-9, 2e-9
_RELATION = re.compile(r"\bfz_(bronze|silver|gold)\.(\w+)(?:\s+AS\s+(\w+))?")
Rows = Mapping[str, pa.Table]


@dataclass
class Bench:
    """Many small lakes in Trino's memory, each row with the number of its lake, read from Parquet by its own reader for Hive."""

    server: AwsServer
    trino: str
    lakes: dict[int, Rows] = field(default_factory=dict)

    def load(self, lakes: Mapping[int, Rows]) -> None:
        """Store lakes in place of those of before."""
        self.lakes = dict(lakes)
        hive = catalog_of(self.server.athena.s3_url)
        s3, metastore = self.server.client("s3"), self.server.client("glue")
        if not any(each["Name"] == "fz" for each in metastore.get_databases()["DatabaseList"]):
            metastore.create_database(DatabaseInput={"Name": "fz"})
        ask(self.trino, "CREATE CATALOG IF NOT EXISTS memory USING memory")
        for layer in ("bronze", "silver", "gold"):
            ask(self.trino, f"CREATE SCHEMA IF NOT EXISTS memory.fz_{layer}")
        for name in next(iter(lakes.values())):
            parts = [_numbered(rows[name], number) for number, rows in lakes.items()]
            stored, place = name.replace(".", "__"), f"fz/{name.replace('.', '__')}"
            sink = io.BytesIO()
            pq.write_table(pa.concat_tables(parts), sink, compression="zstd")
            s3.put_object(Bucket=BUCKET, Key=f"{place}/all.parquet", Body=sink.getvalue())
            if not ask(self.trino, f"SHOW TABLES FROM {hive}.fz LIKE '{stored}'").rows:
                metastore.create_table(
                    DatabaseName="fz", TableInput=_external(stored, parts[0].schema, f"s3://{BUCKET}/{place}/")
                )
            precision = "MILLISECONDS" if name.startswith("bronze.") else "MICROSECONDS"
            ask(self.trino, f"DROP TABLE IF EXISTS memory.fz_{name}")
            statement = f"CREATE TABLE memory.fz_{name} AS SELECT * FROM {hive}.fz.{stored}"  # noqa: S608 declared names
            ask(self.trino, statement, **{f"{hive}__timestamp_precision": precision})

    def compare(self, name: str, number: int, params: dict[str, Any], kept: Mapping[str, Iterable[int]] | None = None) -> str:
        """How the answers to one query over one lake differ, as a sentence; empty where they do not.

        `kept` narrows tables to the rows of these numbers.
        """
        text = sql.text(name)
        theirs = self._on_trino(text, number, params, kept or {})
        lake = {
            table: rows.take(pa.array(kept[table], pa.int64())) if kept and table in kept else rows
            for table, rows in self.lakes[number].items()
        }
        try:
            ours = duckdb.query(text, params, lambda table: lake[table])
        except HeadroomError as error:
            return "" if isinstance(theirs, TrinoError) else f"only DuckDB refuses it: {error}"
        if isinstance(theirs, TrinoError):
            return f"only Trino refuses it: {theirs}"
        is_ordered = sql.parse(text).args.get("order") is not None
        return difference(theirs, ours, is_ordered=is_ordered)

    def _on_trino(self, text: str, number: int, params: dict[str, Any], kept: Mapping[str, Iterable[int]]) -> Answer | TrinoError:
        def narrowed(found: re.Match[str]) -> str:
            table = tables.get(f"{found[1]}.{found[2]}")
            columns = ", ".join(f'"{column.name}"' for column in table.all_columns)
            rows = f" AND _row IN ({', '.join(map(str, kept[table.name])) or '-1'})" if table.name in kept else ""
            source = f"SELECT {columns} FROM memory.fz_{table.name} WHERE _lake = {number}{rows}"  # noqa: S608 declared names
            return f"({source}) AS {found[3] or found[2]}"

        try:
            return ask(self.trino, _RELATION.sub(narrowed, sql.to_athena(text, "fz", params)), task_concurrency="1")
        except TrinoError as error:
            return error

    def shrink(self, name: str, number: int, params: dict[str, Any], tries: int = 80) -> dict[str, list[dict[str, Any]]]:
        """The fewest rows found that still differ, by table."""
        behind = sorted(sql.tables_behind(sql.parse(sql.text(name))))
        kept = {table: [*range(self.lakes[number][table].num_rows)] for table in behind}
        size = 16
        while size and tries:
            for table in behind:
                start = 0
                while start < len(kept[table]) and tries:
                    fewer = {**kept, table: kept[table][:start] + kept[table][start + size :]}
                    tries -= 1
                    if self.compare(name, number, params, fewer):
                        kept = fewer
                    else:
                        start += size
            size //= 2
        return {table: self.lakes[number][table].take(pa.array(rows, pa.int64())).to_pylist() for table, rows in kept.items()}


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
    if value is None or kind.startswith(("varchar", "char")):
        return value
    if kind.startswith("decimal") or kind == "double":
        return float(value)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "date" else value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _numbered(rows: pa.Table, number: int) -> pa.Table:
    count = rows.num_rows
    nullable = rows.cast(pa.schema([each.with_nullable(True) for each in rows.schema]))
    numbered = nullable.append_column("_lake", pa.array([number] * count, pa.int64()))
    return numbered.append_column("_row", pa.array(range(count), pa.int64()))


def _external(name: str, schema: pa.Schema, place: str) -> dict[str, Any]:
    kinds = {str(arrow): glue.HIVE_TYPES[kind] for kind, arrow in ARROW_TYPES.items()}
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
        "StorageDescriptor": {
            "Columns": [{"Name": each.name, "Type": kinds[str(each.type)]} for each in schema],
            "Location": place,
            **glue.PARQUET,
        },
    }
