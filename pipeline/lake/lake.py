"""The lake itself: Iceberg tables for silver and gold, write-once objects for bronze."""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.table import Table as IcebergTable
from sqlalchemy.exc import IntegrityError

from pipeline import tables
from pipeline.errors import ConfigError, ConflictError, DataError
from pipeline.lake import aws
from pipeline.lake.fingerprint import fingerprint, sorted_fingerprint
from pipeline.lake.lock import alone
from pipeline.lake.storage import Storage
from pipeline.settings import Settings
from pipeline.tables.operations import TELEMETRY
from pipeline.tables.schema import Scope, Table

COMMIT_ATTEMPTS = 20
PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "50",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    # Whoever loses a race for the table's head looks again: a blind retry could publish one scope twice.
    "commit.retry.num-retries": "0",
}


@dataclass(frozen=True)
class Written:
    """What a write did: the rows it stands for, and whether the lake says anything new."""

    rows: int
    changed: bool


def open_lake(settings: Settings) -> Lake:
    """The lake that the settings name; folders and catalog appear on first use."""
    return Lake(settings)


class Lake:
    """Tables by declaration. Cheap to open; safe to use from many processes at once.

    Attributes:
        changes: writes through this object that made the lake say something new, telemetry left out.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.engine == "athena" and (settings.catalog != "glue" or not settings.lake_uri.startswith("s3://")):
            raise ConfigError(
                f"engine athena needs catalog glue and a lake on s3://, got {settings.catalog} and {settings.lake_uri}"
            )
        self.settings = settings
        self.storage = Storage(settings)
        self.changes = 0
        self._catalog: Catalog | None = None

    # ------------------------------------------------------------ reading

    def query(self, sql: str, params: dict[str, Any] | None = None) -> pa.Table:
        """Rows of one SELECT in Athena's dialect over `layer.table` and `views.view`; `:name` marks a parameter."""
        if self.settings.engine == "athena":
            from pipeline.lake import athena

            return athena.query(sql, params or {}, self.settings, self._state)
        from pipeline.lake import duckdb

        return duckdb.query(sql, params or {}, self._relation)

    def read(self, table: Table, scope: Scope | None = None, columns: tuple[str, ...] | None = None) -> pa.Table:
        """The rows of a table, or of one scope of it; empty where nothing was written yet."""
        schema = table.arrow_schema if columns is None else pa.schema([table.arrow_schema.field(c) for c in columns])
        with self.worded(table.name, scope):
            if table.layer == "bronze":
                return self._read_bronze(table, scope).select(schema.names)
            iceberg = self._load(table)
            if iceberg is None:
                return schema.empty_table()
            stored = set(iceberg.schema().column_names)
            # Rows without any column could not be counted: where none of those asked for is stored, the key is read.
            known = tuple(name for name in schema.names if name in stored) or table.key
            options: dict[str, Any] = {"selected_fields": known}
            if scope is not None:
                options["row_filter"] = scope.expression()
            return _cast(_with_nulls(iceberg.scan(**options).to_arrow(), table, schema.names), schema)

    def exists(self, table: Table) -> bool:
        """Whether anything was ever written to the table."""
        with self.worded(table.name):
            return bool(self.bronze_files(table)) if table.layer == "bronze" else self._load(table) is not None

    def snapshot_id(self, table: Table) -> int | None:
        """The Iceberg snapshot that readers see now."""
        with self.worded(table.name):
            iceberg = self._load(table)
        snapshot = iceberg.current_snapshot() if iceberg is not None else None
        return snapshot.snapshot_id if snapshot else None

    def content(self, table: Table, scope: Scope | None = None) -> str:
        """A hash of what the table says, rows in key order; equal content has equal hashes whatever its files."""
        return sorted_fingerprint(self.read(table, scope), table.key)

    # ------------------------------------------------------------ writing

    def replace(self, table: Table, data: pa.Table, scope: Scope, *, based_on: str | None = None) -> Written:
        """Make the scope's rows exactly `data`, in one commit that readers see whole or not at all.

        Writing what is already there changes nothing. A writer that finds the scope changed by another since it first looked
        does not win silently.

        Args:
            table: a silver or gold table.
            data: rows in the declared schema.
            scope: what they replace.
            based_on: `content(table, scope)` as the writer saw it when it decided what to write; by default what this call
                sees first.

        Raises:
            DataError: a row outside the scope, or no rows for a table that may not be empty.
            ConflictError: another writer published the same scope meanwhile.
        """
        outside = data.num_rows - (pc.sum(scope.mask(data)).as_py() or 0)
        if outside:
            raise DataError(f"{table.name}: {outside} of {data.num_rows} rows lie outside the scope {scope}")
        if not data.num_rows and not table.may_be_empty:
            raise DataError(f"{table.name}: no rows for {scope}; an empty result would erase what was published")
        with self.worded(table.name, scope):
            return self._publish(table, _cast(data, table.arrow_schema), scope, based_on)

    def _publish(self, table: Table, data: pa.Table, scope: Scope, first_seen: str | None) -> Written:
        """Commit until it succeeds, the content is there, or the scope is another's."""
        data = data.sort_by([(name, "ascending") for name in table.key])
        wanted = fingerprint(data.select(sorted(data.column_names)))
        for attempt in range(COMMIT_ATTEMPTS):
            iceberg = self._load(table) if data.num_rows == 0 else self._load_or_create(table)
            if iceberg is None:
                return Written(0, changed=False)
            rows = self.read(table, scope)
            present = sorted_fingerprint(rows, table.key)
            if present == wanted:
                return Written(data.num_rows, changed=False)
            first_seen = first_seen or present
            if present != first_seen:
                raise ConflictError(f"{table.name}: another writer published {scope} meanwhile; run the step again")
            try:
                _commit(iceberg, data, scope, replaces=rows.num_rows > 0)
            except (CommitFailedException, ValidationException):
                time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311
                continue
            self._note(table)
            return Written(data.num_rows, changed=True)
        raise ConflictError(f"{table.name}: {COMMIT_ATTEMPTS} attempts to commit {scope} lost against other writers")

    def land(self, table: Table, data: pa.Table, *, source: str, shard: str, ingested_at: datetime) -> Written:
        """Add a payload to bronze, one write-once object per day of its time column.

        The object's name is a sha256 over table, source, shard, day and payload: landing the same payload again is a no-op, a
        restated payload becomes a second object beside the first.
        """
        changed = False
        for day, payload in _by_day(data, table.time):
            load_id = load_id_of(table, payload, source=source, shard=shard, day=day)
            rows = payload.append_column("load_id", pa.array([load_id] * payload.num_rows, pa.string()))
            stamps = pa.array([ingested_at] * payload.num_rows, pa.timestamp("us"))
            rows = rows.append_column("ingested_at", stamps).select([c.name for c in table.columns])
            rows = rows.replace_schema_metadata({"headroom.source": source, "headroom.shard": shard})
            path = self.storage.path("bronze", table.short_name, f"day={day}", f"{load_id}.parquet")
            if self.settings.catalog == "glue":
                from pipeline.lake import glue

                glue.check_day(table, day)
            with self.worded(table.name, f"day {day}"):
                changed |= self.storage.write_once(path, _parquet(rows))
        if changed:
            self._note(table)
        return Written(data.num_rows, changed)

    # ------------------------------------------------------------ files and catalog

    def create_tables(self) -> Iterator[tuple[str, bool]]:
        """Create what is declared and not there yet, and add the columns that a declaration added.

        Yields:
            Each table or view and whether it is new or another than before.

        Raises:
            DataError: a declaration drops or retypes a stored column.
        """
        if self.settings.catalog == "glue":
            from pipeline.lake import glue

            yield from glue.create_databases(self.settings)
        for table in tables.ALL.values():
            if table.layer == "bronze":
                if self.settings.catalog == "glue":
                    yield table.name, glue.create_external(table, self.settings, self.storage)
                continue
            with self.worded(table.name):
                before = self._load(table)
                after = self._load_or_create(table)
            yield table.name, before is None or len(after.schema().fields) > len(before.schema().fields)
        if self.settings.engine == "athena":
            yield from glue.create_views(self.settings)

    def bronze_files(self, table: Table, scope: Scope | None = None) -> list[str]:
        """The objects of a bronze table, or those of a scope's days."""
        with self.worded(table.name, scope):
            files = self.storage.list(f"{self.storage.root}/bronze/{table.short_name}")
        if scope is None:
            return files
        first, last = f"day={scope.start.date()}", f"day={scope.end.date()}"
        return [file for file in files if first <= file.rsplit("/", 2)[1] <= last]

    def read_object(self, table: Table, path: str) -> bytes:
        """The bytes of one landed object."""
        with self.worded(table.name, path), self.storage.filesystem.open_input_file(path) as file:
            content: bytes = file.read()
            return content

    def iceberg(self, table: Table) -> IcebergTable | None:
        """The Iceberg table behind a declaration, for maintenance."""
        with self.worded(table.name):
            return self._load(table)

    def worded(self, *what: object) -> AbstractContextManager[None]:
        """Errors of AWS, in words and with what was being done, such as a table and a scope; a local lake has none."""
        return nullcontext() if self.storage.is_local else aws.worded(" ".join(str(each) for each in what if each))

    def _read_bronze(self, table: Table, scope: Scope | None) -> pa.Table:
        parts = []
        for file in self.bronze_files(table, scope):
            part = pq.read_table(file, filesystem=self.storage.filesystem, page_checksum_verification=True, partitioning=None)
            day = pa.scalar(file.rsplit("/", 2)[1].removeprefix("day=")).cast(pa.date32())
            part = _with_nulls(part, table, table.arrow_schema.names)
            part = part.append_column("day", pa.array([day.as_py()] * part.num_rows, pa.date32()))
            parts.append(part.select(table.arrow_schema.names))
        if not parts:
            return table.arrow_schema.empty_table()
        rows = _cast(pa.concat_tables(part.replace_schema_metadata(None) for part in parts), table.arrow_schema)
        return rows if scope is None else rows.filter(scope.mask(rows))

    def _relation(self, name: str) -> Any:
        """What DuckDB reads for a table: see `duckdb.Relation`."""
        table = tables.get(name)
        if table.layer == "bronze":
            files = self.bronze_files(table)
            if not files:
                return table.arrow_schema.empty_table()
            return self.storage.dataset(files, table.arrow_schema, hive="day")
        iceberg = self._load(table)
        if iceberg is None:
            return table.arrow_schema.empty_table()
        tasks = list(iceberg.scan().plan_files())
        plain = not any(task.delete_files for task in tasks) and len(iceberg.schemas()) == 1
        plain = plain and set(table.arrow_schema.names) <= set(iceberg.schema().column_names)
        if not tasks:
            return table.arrow_schema.empty_table()
        if not plain:
            return self.read(table)
        files = [task.file.file_path.removeprefix("file://").removeprefix("s3://") for task in tasks]
        return files if self.storage.is_local else self.storage.dataset(files, table.arrow_schema)

    def _state(self, name: str) -> str:
        """What a table holds now, as a text that changes with it: objects have hashes for names, metadata is never rewritten."""
        table = tables.get(name)
        if table.layer != "bronze":
            from pipeline.lake import glue

            return glue.metadata_location(*self._identifier(table), self.settings)
        return hashlib.sha256("\n".join(self.bronze_files(table)).encode()).hexdigest()

    def _note(self, table: Table) -> None:
        self.changes += table.name not in TELEMETRY

    def _identifier(self, table: Table) -> tuple[str, str]:
        return f"{self.settings.database}_{table.layer}", table.short_name

    def catalog(self) -> Catalog:
        if self._catalog is None:
            properties = self.storage.iceberg_properties()
            if self.settings.catalog == "glue":
                from pipeline.lake.glue import Catalog as Glue

                self._catalog = Glue("headroom", client=aws.client("glue", self.settings), **properties)
            else:
                database = (self.settings.home / "lake" / "catalog.db").resolve()
                properties |= {"type": "sql", "uri": f"sqlite:///{database}?timeout=60"}
                # Two that make the first tables of a catalog at once would fail.
                with alone(database.with_suffix(".lock")):
                    self._catalog = load_catalog("headroom", **properties)
        return self._catalog

    def _load(self, table: Table) -> IcebergTable | None:
        try:
            return self.catalog().load_table(self._identifier(table))
        except NoSuchTableError:
            return None

    def _load_or_create(self, table: Table) -> IcebergTable:
        iceberg = self._load(table)
        if iceberg is not None:
            return _evolved(iceberg, table)
        namespace, short = self._identifier(table)
        # The SQL catalog tells the loser of a race by its own constraint.
        with suppress(NamespaceAlreadyExistsError, IntegrityError):
            self.catalog().create_namespace(namespace)
        try:
            return self.catalog().create_table(
                (namespace, short),
                schema=table.iceberg_schema(),
                partition_spec=table.iceberg_partition_spec(),
                location=f"{self.storage.uri}/{table.layer}/{short}",
                properties=PROPERTIES,
            )
        except TableAlreadyExistsError:
            return self.catalog().load_table((namespace, short))


def _commit(iceberg: IcebergTable, data: pa.Table, scope: Scope, *, replaces: bool) -> None:
    """One commit on the head that was looked at; the catalog refuses it if the head has moved."""
    summary = {"headroom.scope": str(scope)}
    if not replaces:
        iceberg.append(data, snapshot_properties=summary)
    elif data.num_rows:
        iceberg.overwrite(data, overwrite_filter=scope.expression(), snapshot_properties=summary)
    else:
        iceberg.delete(delete_filter=scope.expression(), snapshot_properties=summary)


def load_id_of(table: Table, payload: pa.Table, *, source: str, shard: str, day: str) -> str:
    """The name of a landed object: a scrub recomputes it from the object's rows."""
    digest = hashlib.sha256()
    for part in (table.name, source, shard, day, fingerprint(payload)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _by_day(data: pa.Table, time_column: str) -> Iterator[tuple[str, pa.Table]]:
    """A table cut into UTC days, rows in their order."""
    days = data[time_column].cast(pa.date32())
    unique = sorted(pc.unique(days).to_pylist())
    if len(unique) == 1:
        yield unique[0].isoformat(), data
        return
    order = pc.sort_indices(
        pa.table({"day": days, "row": pa.array(range(len(days)))}), [("day", "ascending"), ("row", "ascending")]
    )
    data, days = data.take(order), days.take(order)
    counts = {entry["values"]: entry["counts"] for entry in pc.value_counts(days).to_pylist()}
    start = 0
    for day in unique:
        yield day.isoformat(), data.slice(start, counts[day])
        start += counts[day]


def _parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def _with_nulls(data: pa.Table, table: Table, wanted: list[str]) -> pa.Table:
    """The same rows with the wanted columns that were declared after they were written, where these may be null."""
    for column in table.columns:
        if column.nullable and column.name in wanted and column.name not in data.column_names:
            data = data.append_column(column.name, pa.nulls(data.num_rows, column.arrow_type))
    return data


def _cast(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows with exactly the declared schema (Iceberg hands back large strings and loses nullability)."""
    return data.select(schema.names).cast(schema)


def _evolved(iceberg: IcebergTable, table: Table) -> IcebergTable:
    """The table with columns that the declaration added; dropping or retyping one is refused.

    Raises:
        DataError: the declaration lacks a stored column or gives it another type.
    """
    stored = {field.name: field for field in iceberg.schema().fields}
    declared = {field.name: field for field in table.iceberg_schema().fields}
    for name, field in stored.items():
        if name not in declared:
            raise DataError(f"{table.name}: column {name} is stored but no longer declared; columns are never dropped")
        if declared[name].field_type != field.field_type:
            raise DataError(f"{table.name}.{name} is stored as {field.field_type}, declared as {declared[name].field_type}")
    added = [name for name in declared if name not in stored]
    if added:
        with iceberg.update_schema() as update:
            for name in added:
                update.add_column(name, declared[name].field_type, doc=declared[name].doc)
    return iceberg
