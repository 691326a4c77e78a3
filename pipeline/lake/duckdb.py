"""The embedded engine: DuckDB over the very files that the catalog names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import count
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
from pyarrow import dataset

from pipeline.errors import ConfigError, DataError, HeadroomError, ResourceError, SourceError
from pipeline.lake import sql
from pipeline.lake.bronze import DailyObjects

# A relation as DuckDB sees it: Parquet files, or what Arrow reads for it: bronze, files on S3, or rows in memory.
Relation: TypeAlias = list[str] | Any
_numbers = count()
# Bytes of a result after which DuckDB starts anew.
_LARGE = 16 * 2**20


def query(text: str, params: dict[str, Any], relation: Callable[[str], Relation]) -> pa.Table:
    """Run one query in Athena's dialect.

    Args:
        text: the query; `:name` marks a parameter.
        params: value by name; those the query does not use are ignored.
        relation: gives the files or rows behind a `layer.table`.

    Raises:
        ConfigError: the query does not parse, or a parameter is missing.
        DataError: DuckDB refused it; the message carries DuckDB's own words.
    """
    parsed = sql.parse(text)
    needed = sql.parameters(parsed)
    missing = needed - params.keys()
    if missing:
        raise ConfigError(f"the query needs a value for {', '.join(f':{name}' for name in sorted(missing))}")
    mounted: dict[str, Relation] = {}
    with empty_database(_database_of(os.getpid())) as connection:
        try:
            _mount(connection, parsed, relation, mounted)
            result = _table(connection.sql(translate(text), params={name: params[name] for name in needed}))
        except duckdb.Error as error:
            _raise_trouble(mounted)
            raise _error_of(error) from error
    if result.nbytes > _LARGE:
        # DuckDB keeps the memory that it needed for as long as it runs.
        _database_of.cache_clear()
    return result


@lru_cache(maxsize=256)
def translate(text: str) -> str:
    """A query in Athena's dialect in DuckDB's own; steps ask the same ones again, and views stand in many queries."""
    return sql.to_duckdb(sql.parse(text))


def _table(relation: Any) -> pa.Table:
    """The rows, a sum of whole numbers as one again: DuckDB's is wider than Athena's, which ends where a bigint does."""
    rows = relation.to_arrow_table()
    for position, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True)):
        if str(kind) == "HUGEINT":
            try:
                rows = rows.set_column(position, name, rows.column(position).cast(pa.int64()))
            except pa.ArrowInvalid as error:
                raise DataError(f"query failed: column {name} has a number beyond a bigint: {error}") from error
    return rows


@contextmanager
def empty_database(started: Any) -> Iterator[Any]:
    """A connection to a database of one query's own, in a DuckDB that is started already."""
    name = f"query_{next(_numbers)}"
    with started.cursor() as connection:
        connection.execute(f"ATTACH ':memory:' AS {name}; USE {name}; SET enable_progress_bar=false")
        try:
            yield connection
        finally:
            connection.execute(f"USE memory; DETACH {name}")


@cache
def _database_of(_process: int) -> Any:
    """The DuckDB of one process: starting it takes longer than most queries, and a fork cannot use that of its parent."""
    options: dict[str, Any] = {"integer_division": True, "ieee_floating_point_ops": False, "enable_external_file_cache": False}
    return duckdb.connect(config=options)


def _mount(connection: Any, parsed: Any, relation: Callable[[str], Relation], mounted: dict[str, Relation]) -> None:
    """Create a DuckDB view for every relation of a query, views of `sql/views` with what they read first."""
    for name in sorted(sql.relations(parsed) - mounted.keys()):
        layer, _, short = name.partition(".")
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{layer}"')
        if layer == sql.VIEWS:
            mounted[name] = None
            inner = sql.text(name)
            _mount(connection, sql.parse(inner), relation, mounted)
            connection.execute(f'CREATE VIEW "{layer}"."{short}" AS {translate(inner)}')
            continue
        rows = mounted[name] = relation(name)
        if isinstance(rows, (pa.Table, dataset.Dataset)):
            connection.register(f"{layer}__{short}", rows)
            connection.execute(f'CREATE VIEW "{layer}"."{short}" AS FROM "{layer}__{short}"')
        else:
            # Identifiers come from declarations, file names from the catalog; neither is data.
            files = ", ".join("'" + file.replace("'", "''") + "'" for file in rows)
            source = f"FROM read_parquet([{files}], hive_partitioning=false)"
            connection.execute(f'CREATE VIEW "{layer}"."{short}" AS {source}')


def _error_of(error: Exception) -> HeadroomError:
    """DuckDB's error by what can be done about it: what may go well the next time is no fault of the data."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return ResourceError(f"query failed for want of memory: {error}")
    if isinstance(error, (duckdb.IOException, duckdb.HTTPException)):
        return SourceError(f"query failed while it read: {error}")
    return DataError(f"query failed: {error}")


def _raise_trouble(mounted: dict[str, Relation]) -> None:
    """Raise what a listing raised while DuckDB read, in the listing's own words."""
    for rows in mounted.values():
        if isinstance(rows, DailyObjects) and rows.trouble is not None:
            raise rows.trouble
