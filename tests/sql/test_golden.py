"""Every SQL file does what its golden cases say, in the embedded engine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp

from pipeline import tables
from pipeline.lake import duckdb, sql
from tests.support import golden


@pytest.mark.parametrize("case", golden.cases(), ids=golden.title)
def test_a_query_gives_the_rows_its_golden_case_expects(case: Path) -> None:
    name = f"{case.parts[-3]}.{case.parts[-2]}"
    rows = golden.given(case)
    got = duckdb.query(
        sql.text(name), golden.params(case), lambda relation: rows.get(relation, tables.get(relation).arrow_schema.empty_table())
    )

    wanted = golden.expected(case)
    columns = list(wanted[0]) if wanted else got.column_names
    kinds = {column: got.schema.field(column).type for column in columns}
    found = sorted(tuple(golden.comparable(_plain(row[c], kinds[c])) for c in columns) for row in got.to_pylist())
    assert found == sorted(tuple(golden.normal(row[c], kinds[c]) for c in columns) for row in wanted)


def _plain(value: object, kind: pa.DataType) -> object:
    return float(value) if value is not None and pa.types.is_decimal(kind) else value  # type: ignore[arg-type]


def test_every_sql_file_has_a_golden_case() -> None:
    covered = {f"{case.parts[-3]}.{case.parts[-2]}" for case in golden.cases()}

    assert [name for name in sql.names() if name not in covered] == []


@pytest.mark.parametrize("name", sql.names())
def test_a_sql_file_is_one_select_whose_columns_all_have_names(name: str) -> None:
    query = sql.parse(sql.text(name))

    assert not [each for select in query.find_all(exp.Select) for each in select.expressions if isinstance(each, exp.Star)]
    assert all(projection.alias or projection.name for projection in query.selects)


@pytest.mark.parametrize("name", [n for n in sql.names() if not n.startswith("views.")])
def test_a_tables_sql_delivers_exactly_the_columns_the_table_declares(name: str) -> None:
    table = tables.get(name)
    derived = {table.partition, "bucket"}

    assert {p.alias_or_name for p in sql.parse(sql.text(name)).selects} == {c.name for c in table.columns} - derived


@pytest.mark.parametrize("name", sql.names())
def test_a_sql_file_says_what_it_makes_and_from_what(name: str) -> None:
    header = sql.text(name).split("\n")

    assert header[0].startswith(f"-- {name}"), header[0]
    assert any(line.startswith("-- Reads") for line in header)
