"""Every SQL file does what its golden cases say, in the embedded engine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp

from pipeline import tables
from pipeline.lake import duckdb, sql
from tests.support import golden

#: What has SQL and is a table.
TABLES = sorted({*sql.names()} - {*sql.views(), *sql.inputs(), *sql.alerts()})


@pytest.mark.parametrize("case", golden.cases(), ids=golden.title)
def test_a_query_gives_the_rows_its_golden_case_expects(case: Path) -> None:
    got = _asked(case, golden.given(case))

    wanted = golden.expected(case)
    columns = list(wanted[0]) if wanted else got.column_names
    kinds = {column: got.schema.field(column).type for column in columns}
    assert sorted(_rows(got.select(columns))) == sorted([golden.normal(row[c], kinds[c]) for c in columns] for row in wanted)


@pytest.mark.parametrize("case", [case for case in golden.cases() if case.parts[-3] != sql.VIEWS], ids=golden.title)
def test_what_is_published_or_read_is_the_same_to_the_bit_whatever_order_the_rows_lie_in(case: Path) -> None:
    """In the same order where the query states one: then it leaves no two rows to chance."""
    given = golden.given(case)

    rows, turned = (
        [repr(row) for row in _asked(case, tables).to_pylist()]
        for tables in (given, {name: table.take(_backwards(table)) for name, table in given.items()})
    )

    if sql.parse(sql.text(golden.name(case))).args.get("order") is None:
        rows, turned = sorted(rows), sorted(turned)
    assert turned == rows


def _backwards(table: pa.Table) -> pa.Array:
    return pa.array(range(table.num_rows)[::-1], pa.int64())


def _rows(table: pa.Table) -> list[list[str]]:
    return [[golden.comparable(_plain(row[field.name], field.type)) for field in table.schema] for row in table.to_pylist()]


def _asked(case: Path, given: dict[str, pa.Table]) -> pa.Table:
    text, params = sql.text(golden.name(case)), golden.params(case)
    return duckdb.query(text, params, lambda relation: given.get(relation, tables.get(relation).arrow_schema.empty_table()))


def _plain(value: object, kind: pa.DataType) -> object:
    return float(value) if value is not None and pa.types.is_decimal(kind) else value  # type: ignore[arg-type]


def test_every_sql_file_has_a_golden_case() -> None:
    covered = {golden.name(case) for case in golden.cases()}

    assert [name for name in sql.names() if name not in covered] == []


@pytest.mark.parametrize("name", sql.names())
def test_a_sql_file_is_one_select_whose_columns_all_have_names(name: str) -> None:
    query = sql.parse(sql.text(name))

    assert not [each for select in query.find_all(exp.Select) for each in select.expressions if isinstance(each, exp.Star)]
    assert all(projection.alias or projection.name for projection in query.selects)


@pytest.mark.parametrize("name", TABLES)
def test_a_tables_sql_delivers_exactly_the_columns_the_table_declares(name: str) -> None:
    table = tables.get(name)
    derived = {table.partition, "bucket"}

    assert {p.alias_or_name for p in sql.parse(sql.text(name)).selects} == {c.name for c in table.columns} - derived


@pytest.mark.parametrize("name", sql.names())
def test_a_sql_file_says_what_it_makes_and_from_what(name: str) -> None:
    header = sql.text(name).split("\n")

    assert header[0].startswith(f"-- {name}"), header[0]
    assert any(line.startswith("-- Reads") for line in header)
