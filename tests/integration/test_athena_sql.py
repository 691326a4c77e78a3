"""Every SQL file says the same in Athena as in the embedded engine, as far as a server on loopback can tell.

What it proves: the statement that is sent, its parameters, the tables it finds through Glue (bronze's projected partitions,
Iceberg's snapshots, views over views), and the way results come back. It cannot prove Trino's arithmetic: see the smoke test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import golden
import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.lake import Lake, athena, duckdb, glue, open_lake, sql
from pipeline.lake.lake import _parquet
from pipeline.settings import Settings
from tests.aws_server import AwsServer, aws_for_tests

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("athena-sql")]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsServer]:
    with aws_for_tests() as server:
        yield server


@pytest.fixture
def aws_settings(aws: AwsServer, tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home", **aws.settings(f"t{uuid4().hex[:12]}"))


def fill(lake: Lake, name: str, given: dict[str, pa.Table]) -> None:
    """Store the given tables that a query reads, and empty ones where the case gives none."""
    for relation in sorted(sql.tables_behind(sql.parse(sql.text(name)))):
        table = tables.get(relation)
        rows = given.get(relation, table.arrow_schema.empty_table())
        if table.layer != "bronze":
            iceberg = lake._load_or_create(table)
            if rows.num_rows:
                iceberg.append(rows)
            continue
        glue.create_external(table, lake.settings, lake.storage)
        for number, day in enumerate(sorted(set(rows["day"].to_pylist()))):
            part = rows.filter(pa.compute.equal(rows["day"], pa.scalar(day))).drop_columns(["day"])
            path = lake.storage.path("bronze", table.short_name, f"day={day}", f"{number:064d}.parquet")
            assert lake.storage.write_once(path, _parquet(part))


def create_view(lake: Lake, name: str) -> None:
    for inner in sorted(sql.relations(sql.parse(sql.text(name)))):
        if inner.startswith("views."):
            create_view(lake, inner)
    database = lake.settings.database
    athena.run(f"CREATE OR REPLACE VIEW {database}_{name} AS\n{sql.view_in_athena(name, database)}", lake.settings, name)


def plain(data: pa.Table) -> list[tuple[Any, ...]]:
    """The rows in an order of their own, whole numbers and decimals as Python has them."""
    return sorted((tuple(row.values()) for row in data.to_pylist()), key=repr)


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: "/".join(case.parts[-3:]))
def test_a_query_gives_the_same_rows_in_athena_as_in_the_embedded_engine(case: Path, aws_settings: Settings) -> None:
    name = f"{case.parts[-3]}.{case.parts[-2]}"
    given, params = golden.given(case), golden.params(case)
    embedded = duckdb.query(
        sql.text(name), params, lambda relation: given.get(relation, tables.get(relation).arrow_schema.empty_table())
    )
    lake = open_lake(aws_settings)
    glue_databases = list(glue.create_databases(aws_settings))
    fill(lake, name, given)

    found = lake.query(sql.text(name), params)

    assert len(glue_databases) == 4
    assert found.column_names == embedded.column_names
    assert [repr(row) for row in plain(found)] == [repr(row) for row in plain(embedded)]
    if name.startswith("views."):
        create_view(lake, name)
        columns = ", ".join(found.column_names)
        seen = athena.query(f"SELECT {columns} FROM {name}", {}, aws_settings, lambda _: "as given")  # noqa: S608 names of views
        assert [repr(row) for row in plain(seen)] == [repr(row) for row in plain(embedded)]
