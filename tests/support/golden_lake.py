"""Golden cases in a lake on AWS: the given tables stored, the query asked through Athena, its answer held against DuckDB's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.lake import Lake, athena, aws, duckdb, glue, open_lake, sql
from pipeline.lake.bronze import parquet
from pipeline.settings import Settings
from tests.support import golden


@contextmanager
def scratch(environ: Mapping[str, str], home: Path) -> Iterator[Lake]:
    """A lake of its own below the one that the environment names; it is deleted again."""
    name = f"smoke_{uuid4().hex[:12]}"
    place = f"{settings_module.load(environ).lake_uri.rstrip('/')}/{name}"
    settings = settings_module.load(environ, home=home, lake=place, database=name, catalog="glue", engine="athena")
    try:
        yield open_lake(settings)
    finally:
        delete(settings)


def delete(settings: Settings) -> None:
    """A lake of tests, whole: its objects and its databases."""
    glue, s3 = aws.client("glue", settings), aws.client("s3", settings)
    for layer in ("views", "gold", "silver", "bronze"):
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.delete_database(Name=f"{settings.database}_{layer}")
    bucket, _, prefix = settings.lake_uri.removeprefix("s3://").partition("/")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        if found := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
            refused = s3.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True}).get("Errors", [])
            assert refused == []


def check(case: Path, lake: Lake) -> None:
    """The same rows from Athena as from the embedded engine: from the SQL file, and for a view also from the view in Glue."""
    name = golden.name(case)
    given, params = golden.given(case), golden.params(case)
    embedded = duckdb.query(
        sql.text(name), params, lambda relation: given.get(relation, tables.get(relation).arrow_schema.empty_table())
    )
    list(glue.create_databases(lake.settings))
    fill(lake, name, given)

    found = lake.query(sql.text(name), params)

    assert found.column_names == embedded.column_names
    assert plain(found) == plain(embedded)
    if name.startswith("views."):
        create_view(lake, name)
        statement = f"SELECT {', '.join(found.column_names)} FROM {lake.settings.database}_{name}"  # noqa: S608 names of columns
        execution = athena._execute(statement, {}, lake.settings, name, once=False)
        assert plain(athena._rows(execution, lake.settings, name)) == plain(embedded)


def fill(lake: Lake, name: str, given: dict[str, pa.Table]) -> None:
    """Store the given tables that a query reads, and empty ones where the case gives none."""
    for relation in sorted(sql.tables_behind(sql.parse(sql.text(name)))):
        table = tables.get(relation)
        rows = given.get(relation, table.arrow_schema.empty_table())
        if table.layer != "bronze":
            iceberg = lake.catalog.load_or_create(table)
            if rows.num_rows:
                iceberg.append(rows)
            continue
        # Views are asked without a filter: a real engine then lists each day of the range, one after the other.
        first_day = min(rows["day"].to_pylist(), default=date(2026, 1, 1))
        glue.create_external(table, lake.settings, lake.storage, first_day)
        for number, day in enumerate(sorted(set(rows["day"].to_pylist()))):
            part = rows.filter(pc.equal(rows["day"], pa.scalar(day))).drop_columns(["day"])
            path = lake.storage.path("bronze", table.short_name, f"day={day}", f"{number:064d}.parquet")
            assert lake.storage.write_once(path, parquet(part))


def create_view(lake: Lake, name: str) -> None:
    """The view in Glue, and before it the views that it reads."""
    for inner in sorted(sql.relations(sql.parse(sql.text(name)))):
        if inner.startswith("views."):
            create_view(lake, inner)
    database = lake.settings.database
    athena.run(f"CREATE OR REPLACE VIEW {database}_{name} AS\n{sql.view_in_athena(name, database)}", lake.settings, name)


def plain(data: pa.Table) -> list[str]:
    """The rows in an order of their own, as Python shows them: NaN is NaN, and 1 is not 1.0."""
    return sorted(repr([float(v) if type(v).__name__ == "Decimal" else v for v in row.values()]) for row in data.to_pylist())
