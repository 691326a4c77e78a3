"""The lake itself: Iceberg tables for silver and gold, write-once objects for bronze."""

from __future__ import annotations

import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table import Table as IcebergTable

from pipeline import tables
from pipeline.errors import ConfigError, ConflictError, DamagedError, DataError
from pipeline.lake import aws, bronze, checksums, disk, landings, streamed
from pipeline.lake.catalog import open_catalog, open_engine
from pipeline.lake.fence import Fence, window_of_scope
from pipeline.lake.fingerprint import fingerprint, sorted_fingerprint
from pipeline.lake.relations import Relations
from pipeline.lake.rows import cast_rows, fill_columns
from pipeline.lake.storage import Storage
from pipeline.lake.transaction import commit
from pipeline.settings import Settings
from pipeline.tables.columns import STAMPED
from pipeline.tables.operations import TELEMETRY
from pipeline.tables.schema import Scope, Table

COMMIT_ATTEMPTS = 20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """What a write did: the rows it stands for, and whether the lake says anything new."""

    rows: int
    changed: bool
    snapshot: int | None = None


@dataclass
class Did:
    """What was done to one table through one lake object.

    Attributes:
        rows: that the writes stand for.
        changed: whether any of them made the table say something new.
        snapshot: of Iceberg, that readers see after the last one; None for bronze.
        expectations: that its rows were held to.
        failed: how many of these did not hold; none of them was critical.
    """

    rows: int = 0
    changed: bool = False
    snapshot: int | None = None
    expectations: int = 0
    failed: int = 0

    def __str__(self) -> str:
        parts = [f"{self.rows:,} rows", "" if self.changed else "as they were"]
        parts += [f"snapshot {self.snapshot}" if self.snapshot else ""]
        if self.expectations:
            parts += [f"{self.expectations - self.failed} of {self.expectations} expectations hold"]
        return ", ".join(part for part in parts if part)


def open_lake(settings: Settings) -> Lake:
    """The lake that the settings name; folders and catalog appear on first use."""
    return Lake(settings)


class Lake:
    """Tables by declaration. Cheap to open; safe to use from many processes at once.

    Attributes:
        changes: writes through this object that made the lake say something new, telemetry left out.
        did: what was done to each table through this object, by name.
        relations: what the last query read.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.storage = Storage(settings)
        self.catalog = open_catalog(settings, self.storage)
        self.changes = 0
        self.fence = Fence(self.catalog.load, lambda table, days: bronze.list_objects(table, self.storage, days))
        self.did: defaultdict[str, Did] = defaultdict(Did)
        self.relations = Relations(self.catalog, self.storage, self.fence, self.explain_errors, self._rows)
        self._ask = open_engine(settings, self.relations.relation, self.relations.objects)

    # ------------------------------------------------------------ reading

    def query(self, sql: str, params: dict[str, Any] | None = None) -> pa.Table:
        """Rows of one SELECT in Athena's dialect over `layer.table` and `views.view`; `:name` marks a parameter."""
        self.relations.begin(sql, params or {})
        if self.settings.engine == "athena":
            self.relations.see_all(sql)
        return self._ask(sql, params or {})

    def read(self, table: Table, scope: Scope | None = None, columns: tuple[str, ...] | None = None) -> pa.Table:
        """The rows of a table, or of one scope of it; empty where nothing was written yet."""
        with self.explain_errors(table.name, scope):
            if table.layer == "bronze":
                return self._read_bronze(table, scope).select(list(columns or table.arrow_schema.names))
            iceberg = self.catalog.load(table)
            self.fence.saw_table(table, window_of_scope(scope), iceberg)
            return self._rows(table, iceberg, scope, columns)

    def _rows(
        self, table: Table, iceberg: IcebergTable | None, scope: Scope | None = None, columns: tuple[str, ...] | None = None
    ) -> pa.Table:
        """The rows of an Iceberg table in the declared schema, its files held to their checksums."""
        schema = table.arrow_schema if columns is None else pa.schema([table.arrow_schema.field(c) for c in columns])
        if iceberg is None:
            return schema.empty_table()
        stored = set(iceberg.schema().column_names)
        checksums.verify_metadata(iceberg)
        # Rows without any column could not be counted: where none of those asked for is stored, the key is read.
        known = tuple(name for name in schema.names if name in stored) or table.key
        options: dict[str, Any] = {"selected_fields": known}
        if scope is not None:
            options["row_filter"] = scope.expression()
        return cast_rows(fill_columns(checksums.read(iceberg, iceberg.scan(**options)), table, schema.names), schema)

    def exists(self, table: Table) -> bool:
        """Whether anything was ever written to the table."""
        with self.explain_errors(table.name):
            return bool(self.bronze_files(table)) if table.layer == "bronze" else self.catalog.load(table) is not None

    def snapshot_id(self, table: Table) -> int | None:
        """The Iceberg snapshot that readers see now."""
        with self.explain_errors(table.name):
            iceberg = self.catalog.load(table)
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
        with self.explain_errors(table.name, scope):
            return self._note(table, self._publish(table, cast_rows(data, table.arrow_schema), scope, based_on))

    def _publish(self, table: Table, data: pa.Table, scope: Scope, first_seen: str | None) -> Written:
        """Commit until it succeeds, the content is there, or the scope is another's."""
        data = data.sort_by([(name, "ascending") for name in table.key])
        wanted = fingerprint(data.select(sorted(data.column_names)))
        for attempt in range(COMMIT_ATTEMPTS):
            iceberg = self.catalog.load(table) if data.num_rows == 0 else self.catalog.load_or_create(table)
            if iceberg is None:
                return Written(0, changed=False)
            rows = self._rows_but_damaged(table, iceberg, scope)
            present = sorted_fingerprint(rows, table.key) if rows is not None else "damaged"
            if present == wanted:
                return _written(data, iceberg, changed=False)
            first_seen = first_seen or present
            if present != first_seen:
                raise ConflictError(f"{table.name}: another writer published {scope} meanwhile; run the step again")
            self.fence.refuse_stale()
            before = iceberg.current_snapshot()
            try:
                commit(iceberg, data, scope, replaces=rows is None or rows.num_rows > 0)
            except (CommitFailedException, ValidationException):
                time.sleep(random.uniform(0, min(1.0, 0.05 * 2**attempt)))  # noqa: S311
                continue
            self.fence.wrote(iceberg, before.snapshot_id if before else None)
            return _written(data, iceberg, changed=True)
        raise ConflictError(f"{table.name}: {COMMIT_ATTEMPTS} attempts to commit {scope} lost against other writers")

    def _rows_but_damaged(self, table: Table, iceberg: IcebergTable, scope: Scope) -> pa.Table | None:
        """The scope's rows; None where they are in a damaged file that holds nothing else, which the writer replaces whole.

        Raises:
            DataError: a damaged file holds rows of other scopes as well: they would be copied, damaged, and then look sound.
        """
        try:
            return self._rows(table, iceberg, scope)
        except DamagedError:
            files = [task.file for task in iceberg.scan(row_filter=scope.expression()).plan_files()]
            damaged = checksums.damaged(iceberg, [file.file_path for file in files])
            shared = [
                file.file_path for file in files if file.file_path in damaged and not checksums.holds_only(file, iceberg, scope)
            ]
            if shared or not damaged:
                also = f"{shared[0]} is damaged and also holds other rows than these" if shared else "its metadata is damaged"
                raise DataError(f"{table.name} {scope}: {also}; build all of {table.partition} again in one run") from None
            return None

    def land(self, table: Table, data: pa.Table, *, source: str, shard: str, ingested_at: datetime) -> Written:
        """Add a payload to bronze, one write-once object per day of its time column, and the event to the ledger.

        Landing what is already the newest of its source, shard and day is a no-op, unless its object is damaged or the clock was
        behind: see `landings`. Whatever else is landed counts from now on, also where it was landed before.
        """
        # Rows that were read from bronze and are landed again carry the stamps of their first landing.
        data = bronze.cut_to_milliseconds(data.drop_columns([name for name in STAMPED if name in data.column_names]))
        ingested_at = ingested_at.replace(microsecond=ingested_at.microsecond // 1000 * 1000)
        parts = dict(bronze.split_by_day(data, table.time))
        telemetry = table.name in TELEMETRY
        with self.explain_errors(table.name):
            if not telemetry:
                # Who records how a step went may not see the ledger.
                self.catalog.check_days(table, parts)
            known = {} if telemetry else landings.read(table, parts, self.storage)
        changed = False
        for day, payload in parts.items():
            with self.explain_errors(table.name, f"day {day}"):
                load_id = bronze.load_id_of(table, payload, source=source, shard=shard, day=day)
                landed = self._land_once if telemetry else partial(self._land_next, known[day])
                changed |= landed(table, payload, load_id, day, source=source, shard=shard, ingested_at=ingested_at)
        return self._note(table, Written(data.num_rows, changed))

    def land_pieces(
        self, table: Table, pieces: Iterable[pa.Table], *, source: str, shard: str, fingerprint: str, ingested_at: datetime
    ) -> Written:
        """Add all lines of one execution to bronze: one write-once object per billing period, and its event to the ledger.

        Nothing is landed before the last piece was given. A period of which the newest landing is of the same execution stays
        as it is.

        Raises:
            DataError: pieces with different columns, or what `pieces` raises.
        """
        ingested_at = ingested_at.replace(microsecond=ingested_at.microsecond // 1000 * 1000)
        execution = streamed.Execution(table, source, shard, fingerprint)
        rows, changed = 0, False
        with self.explain_errors(table.name), streamed.written_aside(execution, pieces, ingested_at, self.storage) as parts:
            self.catalog.check_days(table, parts)
            for day, part in sorted(parts.items()):
                rows += part.rows
                if not self.has_landed(table, day, source=source, shard=shard, fingerprint=fingerprint):
                    landing = landings.Landing(part.sequence, ingested_at, execution.owner, part.load_id, part.close())
                    self._put(table, day, landing, part.file, source, shard, part.rows)
                    changed = True
        return self._note(table, Written(rows, changed))

    def has_landed(self, table: Table, day: str, *, source: str, shard: str, fingerprint: str) -> bool:
        """Whether the newest landing of an export and billing period is of this execution, and sound."""
        with self.explain_errors(table.name, f"day {day}"):
            last = streamed.Execution(table, source, shard, fingerprint).landed(day, self.storage)
            return last is not None and self._lies_sound(table, day, last)

    def _put(
        self, table: Table, day: str, landing: landings.Landing, content: bytes | Path, source: str, shard: str, rows: int
    ) -> None:
        path = self.storage.path("bronze", table.short_name, f"day={day}", landing.object_name)
        self.storage.write_once(path, content)
        self.fence.landed(table, day, path)
        landings.write(table, day, landing, source, shard, rows, self.storage)

    def _land_once(self, table: Table, payload: pa.Table, load_id: str, day: str, **stamps: Any) -> bool:
        """Telemetry is never restated: it needs no number, and who writes it needs not see what lies there."""
        content = bronze.make_object(payload, table, load_id, sequence=None, **stamps)
        name = landings.object_name(load_id, 0, landings.digest(content))
        return self.storage.write_once(self.storage.path("bronze", table.short_name, f"day={day}", name), content)

    def _land_next(
        self, known: list[landings.Landing], table: Table, payload: pa.Table, load_id: str, day: str, **stamps: Any
    ) -> bool:
        source, shard, now = stamps["source"], stamps["shard"], stamps["ingested_at"]
        last = landings.newest(known, owner := landings.owner_of(source, shard))
        if last and last.load_id == load_id and not landings.misdated(last, pc.max(payload[table.time]).as_py(), now):
            if self._lies_sound(table, day, last):
                return False
            log.warning("%s day %s: object %s is damaged; it is landed again", table.name, day, last.object_name)
        landings.warn_of_skew(table, day, known, now)
        sequence = 1 + max((each.sequence for each in known), default=0)
        content = bronze.make_object(payload, table, load_id, sequence=sequence, **stamps)
        landing = landings.Landing(sequence, now, owner, load_id, landings.digest(content))
        self._put(table, day, landing, content, source, shard, payload.num_rows)
        return True

    def _lies_sound(self, table: Table, day: str, landing: landings.Landing) -> bool:
        """Whether the object is there, whole. S3 checks itself what it keeps, and who lands there may not read it."""
        if not self.storage.is_local:
            return True
        try:
            return bronze.is_sound(self.storage.path("bronze", table.short_name, f"day={day}", landing.object_name), self.storage)
        except FileNotFoundError:
            return False

    # ------------------------------------------------------------ files and catalog

    def create_tables(self, first_day: date | None = None) -> Iterator[tuple[str, bool]]:
        """Create what is declared and not there yet, and add the columns that a declaration added.

        Args:
            first_day: from which on Athena is to find what is landed; by default as before, see `beginning.settle`.

        Yields:
            Each table or view and whether it is new or another than before.

        Raises:
            DataError: a declaration drops or retypes a stored column, or something was landed before the first day.
        """
        yield from self.catalog.create_databases()
        with self.explain_errors("bronze"):
            yield from self.catalog.create_bronze(first_day)
        for table in tables.ALL.values():
            if table.layer == "bronze":
                continue
            with self.explain_errors(table.name):
                before = self.catalog.load(table)
                after = self.catalog.load_or_create(table)
            yield table.name, before is None or len(after.schema().fields) > len(before.schema().fields)
        yield from self.catalog.create_views()

    def drop(self, table: Table) -> None:
        """Forget a table, with its files, whose stored columns are not those of the declaration: it can be made anew.

        Raises:
            ConfigError: there is none, it fits, or it is bronze, which nothing makes anew.
        """
        if table.layer == "bronze":
            raise ConfigError(f"{table.name} cannot be made anew; bronze is never dropped")
        with self.explain_errors(table.name):
            self.catalog.drop(table)
            self.storage.filesystem.delete_dir(f"{self.storage.root}/{table.layer}/{table.short_name}")

    def bronze_files(self, table: Table, scope: Scope | None = None) -> list[str]:
        """The objects of a bronze table, or those of a scope's days."""
        with self.explain_errors(table.name, scope):
            asks = window_of_scope(scope).asks
            days = None if scope is None else [day for day in bronze.list_days(table, self.storage) if asks(day)]
            return bronze.list_objects(table, self.storage, days)

    def list_days(self, table: Table) -> list[date]:
        """The days of which a bronze table has rows, in order."""
        with self.explain_errors(table.name):
            return [date.fromisoformat(day) for day in bronze.list_days(table, self.storage)]

    def read_object(self, table: Table, path: str) -> bytes:
        """The bytes of one landed object."""
        with self.explain_errors(table.name, path), self.storage.filesystem.open_input_file(path) as file:
            content: bytes = file.read()
            return content

    def iceberg(self, table: Table) -> IcebergTable | None:
        """The Iceberg table behind a declaration, for maintenance."""
        with self.explain_errors(table.name):
            return self.catalog.load(table)

    def explain_errors(self, *what: object) -> AbstractContextManager[None]:
        """Errors of the disk or of AWS in Headroom's words, with what was being done, such as a table and a scope."""
        explain = disk.explain_errors if self.storage.is_local else aws.explain_errors
        return explain(" ".join(str(each) for each in what if each))

    def _read_bronze(self, table: Table, scope: Scope | None) -> pa.Table:
        files = self.bronze_files(table, scope)
        self.fence.saw_days(table, window_of_scope(scope), bronze.by_day(files))
        rows = bronze.read_objects(table, files, self.storage)
        return rows if scope is None else rows.filter(scope.mask(rows))

    def _note(self, table: Table, written: Written) -> Written:
        self.changes += written.changed and table.name not in TELEMETRY
        done = self.did[table.name]
        done.rows += written.rows
        done.changed |= written.changed
        done.snapshot = written.snapshot
        return written


def _written(data: pa.Table, iceberg: IcebergTable, *, changed: bool) -> Written:
    snapshot = iceberg.current_snapshot()
    return Written(data.num_rows, changed, snapshot.snapshot_id if snapshot else None)
