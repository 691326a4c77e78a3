"""Every SQL file does what its golden cases say, in any order of rows, and whatever rows lie outside of its window."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from sqlglot import exp

from pipeline import tables
from pipeline.lake import sql
from pipeline.tables.schema import Table
from tests.support import golden

#: What has SQL and is a table.
TABLES = sorted({*sql.names()} - {*sql.views(), *sql.inputs(), *sql.alerts()})
#: A view is asked with the filter that somebody gives it, or with none.
NO_VIEWS = [case for case in golden.cases() if case.parts[-3] != sql.VIEWS]


@pytest.mark.parametrize("case", golden.cases(), ids=golden.title)
def test_a_query_gives_the_rows_its_golden_case_expects(case: Path) -> None:
    got = golden.asked(case)

    wanted = golden.expected(case)
    columns = list(wanted[0]) if wanted else got.column_names
    kinds = {column: got.schema.field(column).type for column in columns}
    assert sorted(_rows(got.select(columns))) == sorted([golden.normal(row[c], kinds[c]) for c in columns] for row in wanted)


@pytest.mark.parametrize("case", NO_VIEWS, ids=golden.title)
def test_what_is_published_or_read_is_the_same_to_the_bit_whatever_order_the_rows_lie_in(case: Path) -> None:
    """In the same order where the query states one: then it leaves no two rows to chance."""
    backwards = {name: table.take(_backwards(table)) for name, table in golden.given(case).items()}

    rows, turned = ([repr(row) for row in found.to_pylist()] for found in (golden.asked(case), golden.ask(case, backwards)))

    if sql.parse(sql.text(golden.name(case))).args.get("order") is None:
        rows, turned = sorted(rows), sorted(turned)
    assert turned == rows


@pytest.mark.parametrize("case", NO_VIEWS, ids=golden.title)
def test_rows_outside_of_its_window_change_no_answer(case: Path) -> None:
    given, windows = golden.given(case), sql.windows(sql.text(golden.name(case)))
    moments = sorted(v for v in golden.params(case).values() if isinstance(v, datetime))
    more = dict(given)
    for name, rows in given.items():
        days = windows.get(name, windows.get(""))
        if days is not None:
            before, after = moments[0] - timedelta(days=days, microseconds=1000), moments[-1] + timedelta(microseconds=1000)
            more[name] = pa.concat_tables([rows, *(_moved(rows, tables.get(name), to) for to in (before, after))])

    outside, usual = (sorted(str(row) for row in found.to_pylist()) for found in (golden.ask(case, more), golden.asked(case)))
    assert outside == usual


def _moved(rows: pa.Table, table: Table, to: datetime) -> pa.Table:
    """The rows as if they were of another moment."""
    moment = pa.array([to] * rows.num_rows, table.arrow_schema.field(table.time).type)
    day = pa.array([golden.partition_of(to, table.partition)] * rows.num_rows, pa.date32())
    for name, values in ((table.time, moment), (table.partition, day)):
        rows = rows.set_column(rows.schema.get_field_index(name), table.arrow_schema.field(name), values)
    return rows


def _backwards(table: pa.Table) -> pa.Array:
    return pa.array(range(table.num_rows)[::-1], pa.int64())


def _rows(table: pa.Table) -> list[list[str]]:
    return [[golden.comparable(_plain(row[field.name], field.type)) for field in table.schema] for row in table.to_pylist()]


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
