"""Which catalog keeps the lake's tables, and which engine answers its queries: settings decide it here, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any, TypeAlias

import pyarrow as pa
from pyiceberg.catalog import Catalog as IcebergCatalog
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.table import Table as IcebergTable
from sqlalchemy.exc import DatabaseError, IntegrityError

from pipeline import tables
from pipeline.errors import ConfigError, DataError
from pipeline.lake.lock import alone
from pipeline.lake.storage import Storage
from pipeline.settings import Settings
from pipeline.tables.schema import Table

PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "50",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    # A writer that loses a race for the table's head looks again: a blind retry could publish one scope twice.
    "commit.retry.num-retries": "0",
}
Created: TypeAlias = tuple[str, bool]
"""A database, table or view, and whether it is new or another than before."""
Engine: TypeAlias = Callable[[str, dict[str, Any]], pa.Table]
"""Runs one query in Athena's dialect with its parameters."""


def _create_nothing(*_: object) -> Iterator[Created]:
    return iter(())


def _accept_days(_table: Table, _days: Iterable[str]) -> None:
    """Every day is found by its folder."""


def _hold_nothing(_table: Table) -> bool:
    return False


@dataclass(frozen=True)
class Catalog:
    """What keeps the metadata of silver's and gold's tables, and what else it has to know for Athena.

    Attributes:
        connect: gives pyiceberg's catalog; connecting again is free.
        database: prefix of its databases' names.
        uri: where the tables' files go.
        create_databases: creates those that are not there.
        create_bronze: makes the bronze tables known to the engine, from a first day on, which None leaves as it is.
        create_views: makes those of `sql/views`.
        check_days: raises DataError for days of bronze that the engine would not find.
        holds_files: whether data files of a table lie in the lake.
    """

    connect: Callable[[], IcebergCatalog]
    database: str
    uri: str
    create_databases: Callable[[], Iterator[Created]] = _create_nothing
    create_bronze: Callable[[date | None], Iterator[Created]] = _create_nothing
    create_views: Callable[[], Iterator[Created]] = _create_nothing
    check_days: Callable[[Table, Iterable[str]], None] = _accept_days
    holds_files: Callable[[Table], bool] = _hold_nothing

    def load(self, table: Table) -> IcebergTable | None:
        """The Iceberg table behind a declaration, as it is now; None where nothing was written yet.

        Raises:
            DataError: the catalog does not know the table, and its files lie in the lake: it was lost; it names a file that is
                not there; or another version stored the table by columns that this one does not have.
        """
        iceberg = self._load_stored(table)
        if iceberg is not None and (lacking := _explain_other_key(iceberg, table)):
            raise DataError(f"{lacking}; {_MAKE_ROOM.format(table.name)}")
        return iceberg

    def _load_stored(self, table: Table) -> IcebergTable | None:
        """The table as it was stored, by whatever version."""
        try:
            return self.connect().load_table(self._identifier(table))
        except NoSuchTableError:
            if self.holds_files(table):
                raise DataError(
                    f"{table.name}: its files lie in {self.uri}/{table.layer}, but the catalog does not know it: it was lost "
                    "or is another lake's; `python -m pipeline lake recover` makes it anew from the files"
                ) from None
            return None
        except FileNotFoundError as error:
            raise DataError(
                f"{table.name}: the catalog names a file that is not there ({error.filename or error}): the file was lost, or "
                "the lake was moved or copied; its files name their places, so that it is read where it was made"
            ) from None

    def knows(self, table: Table) -> bool:
        """Whether the catalog has the table."""
        try:
            return bool(self.connect().table_exists(self._identifier(table)))
        except FileNotFoundError:
            # It names a file that is not there.
            return True

    def register(self, table: Table, metadata_location: str) -> None:
        """Make a table known that lies there already."""
        namespace, short = self._identifier(table)
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self.connect().create_namespace(namespace)
        self.connect().register_table((namespace, short), metadata_location)

    def load_or_create(self, table: Table) -> IcebergTable:
        """The Iceberg table behind a declaration, with every column that it declares.

        Raises:
            DataError: the declaration drops or retypes a stored column.
        """
        iceberg = self.load(table)
        if iceberg is not None:
            return _add_columns(iceberg, table)
        namespace, short = self._identifier(table)
        # The SQL catalog tells the loser of a race by its own constraint.
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self.connect().create_namespace(namespace)
        try:
            return self.connect().create_table(
                (namespace, short),
                schema=table.iceberg_schema(),
                partition_spec=table.iceberg_partition_spec(),
                location=f"{self.uri}/{table.layer}/{short}",
                properties=PROPERTIES,
            )
        except TableAlreadyExistsError:
            return self.connect().load_table((namespace, short))

    def drop(self, table: Table) -> None:
        """Forget a table that `load` refuses, or to which rows as declared cannot be written.

        Raises:
            ConfigError: there is none, or it fits: only what this version cannot use any more is dropped.
            DataError: the catalog or the lake lacks one of its files.
        """
        iceberg = self._load_stored(table)
        if iceberg is None:
            raise ConfigError(f"{table.name} is not there")
        if not (_explain_other_key(iceberg, table) or _explain_misfit(iceberg, table)):
            raise ConfigError(f"{table.name} is stored as it is declared; only what this version cannot use any more is dropped")
        self.connect().drop_table(self._identifier(table))

    def _identifier(self, table: Table) -> tuple[str, str]:
        return f"{self.database}_{table.layer}", table.short_name


def open_catalog(settings: Settings, storage: Storage) -> Catalog:
    """The catalog that the settings name: SQLite beside the files, or Glue, and in it the views if Athena answers."""

    def holds_files(table: Table) -> bool:
        return bool(storage.list_files(f"{storage.root}/{table.layer}/{table.short_name}/data"))

    if settings.catalog == "sqlite":
        return Catalog(
            cache(partial(_connect_to_sqlite, settings, storage)), settings.database, storage.uri, holds_files=holds_files
        )
    from pipeline.lake import beginning, glue

    def create_bronze(wanted: date | None) -> Iterator[Created]:
        first_day = beginning.settle(wanted, storage)
        for table in tables.ALL.values():
            if table.layer == "bronze":
                yield table.name, glue.create_external(table, settings, storage, first_day)

    return Catalog(
        connect=cache(partial(glue.connect, settings, storage)),
        database=settings.database,
        uri=storage.uri,
        create_databases=partial(glue.create_databases, settings),
        create_bronze=create_bronze,
        create_views=partial(glue.create_views, settings) if settings.engine == "athena" else _create_nothing,
        check_days=partial(beginning.check, storage=storage),
        holds_files=holds_files,
    )


def open_engine(settings: Settings, relation: Callable[[str], Any], objects: Callable[[Table], list[str]]) -> Engine:
    """The engine that the settings name: DuckDB in this process, or Athena.

    Args:
        settings: of the lake.
        relation: what DuckDB reads for a `layer.table`: see `duckdb.Relation`.
        objects: the objects of a bronze table.

    Raises:
        ConfigError: Athena over a lake that it cannot read.
    """
    if settings.engine == "duckdb":
        return partial(_ask_duckdb, relation)
    if settings.catalog != "glue" or not settings.lake_uri.startswith("s3://"):
        raise ConfigError(f"engine athena needs catalog glue and a lake on s3://, got {settings.catalog} and {settings.lake_uri}")
    return partial(_ask_athena, settings, objects)


def _ask_duckdb(relation: Callable[[str], Any], text: str, params: dict[str, Any]) -> pa.Table:
    from pipeline.lake import duckdb

    return duckdb.query(text, params, relation)


def _ask_athena(settings: Settings, objects: Callable[[Table], list[str]], text: str, params: dict[str, Any]) -> pa.Table:
    from pipeline.lake import athena, glue

    return athena.query(text, params, settings, partial(glue.state_of, settings, objects))


def _connect_to_sqlite(settings: Settings, storage: Storage) -> IcebergCatalog:
    database = (settings.home / "lake" / "catalog.db").resolve()
    properties = storage.iceberg_properties() | {
        "py-catalog-impl": "pipeline.lake.known.KnownCatalog",
        "uri": f"sqlite:///{database}?timeout=60",
    }
    # Two that make the first tables of a catalog at once would fail.
    with alone(database.with_suffix(".lock")):
        try:
            return load_catalog("headroom", **properties)
        except DatabaseError as error:
            if "not a database" not in str(error.orig) and "malformed" not in str(error.orig):
                raise
            raise ConfigError(
                f"{database} is no catalog ({error.orig}); move it away, and `python -m pipeline lake recover` makes a new one"
            ) from error


_MAKE_ROOM = "what is made of other tables can be made anew: `python -m pipeline tables drop {}` makes room"


def _explain_misfit(iceberg: IcebergTable, table: Table) -> str:
    """Which stored column the declaration lacks, or gives another type; empty where there is none."""
    declared = {field.name: field for field in table.iceberg_schema().fields}
    for field in iceberg.schema().fields:
        if field.name not in declared:
            return f"{table.name}: column {field.name} is stored but no longer declared; columns are never dropped"
        if declared[field.name].field_type != field.field_type:
            return f"{table.name}.{field.name} is stored as {field.field_type}, declared as {declared[field.name].field_type}"
    return ""


def _explain_other_key(iceberg: IcebergTable, table: Table) -> str:
    """By which columns a row is found now and was not stored, so that no query could ask for one; empty where there is none."""
    stored = {field.name for field in iceberg.schema().fields}
    lacking = [name for name in dict.fromkeys((*table.key, table.time)) if name not in stored]
    return f"{table.name}: another version of Headroom stored it, without {', '.join(lacking)}" if lacking else ""


def _add_columns(iceberg: IcebergTable, table: Table) -> IcebergTable:
    """The table with columns that the declaration added, and those that may be null now; dropping or retyping one is refused.

    Raises:
        DataError: the declaration lacks a stored column or gives it another type.
    """
    if misfit := _explain_misfit(iceberg, table):
        raise DataError(f"{misfit}; {_MAKE_ROOM.format(table.name)}")
    stored = {field.name: field for field in iceberg.schema().fields}
    declared = {field.name: field for field in table.iceberg_schema().fields}
    added = [name for name in declared if name not in stored]
    loosened = [name for name, field in stored.items() if field.required and not declared[name].required]
    if added or loosened:
        with iceberg.update_schema() as update:
            for name in loosened:
                update.make_column_optional(name)
            for name in added:
                update.add_column(name, declared[name].field_type, doc=declared[name].doc)
    return iceberg
