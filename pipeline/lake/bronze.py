"""Bronze as it lies in storage: one folder per day, one write-once object per landing and day."""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import dataset

from pipeline.errors import DamagedError
from pipeline.lake import identifiers, landings
from pipeline.lake.fingerprint import fingerprint
from pipeline.lake.rows import cast_rows, fill_columns
from pipeline.lake.storage import Storage
from pipeline.tables.columns import made_safe, provenance
from pipeline.tables.identifiers import NAMES
from pipeline.tables.money import LINES
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.schema import Table

log = logging.getLogger(__name__)
# Objects that this process has read and found as they were landed; they are never rewritten.
_sound: set[str] = set()


def split_by_day(data: pa.Table, time_column: str) -> Iterator[tuple[str, pa.Table]]:
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


def cut_to_milliseconds(data: pa.Table) -> pa.Table:
    """The same rows with moments as bronze has them: Athena reads no finer ones there, and would round these to another day."""
    for position, field in enumerate(data.schema):
        if pa.types.is_timestamp(field.type):
            moments = pc.floor_temporal(data.column(position), unit="millisecond")
            data = data.set_column(position, field, moments)
    return data


def make_object(
    payload: pa.Table, table: Table, load_id: str, *, source: str, shard: str, sequence: int | None, ingested_at: datetime
) -> bytes:
    """The bytes of the object that lands one day of a payload."""
    rows = payload
    for column, stamp in zip(provenance, (load_id, ingested_at, sequence), strict=True):
        rows = rows.append_column(column.name, pa.repeat(pa.scalar(stamp, column.arrow_type), payload.num_rows))
    if table.name in NAMES:
        rows = rows.append_column(made_safe.name, identifiers.made_safe(table, payload))
    rows = rows.select([c.name for c in table.columns])
    return parquet(rows.replace_schema_metadata({"headroom.source": source, "headroom.shard": shard}))


def load_id_of(table: Table, payload: pa.Table, *, source: str, shard: str, day: str) -> str:
    """The name of a landed object: a scrub recomputes it from the object's rows."""
    digest = hashlib.sha256()
    for part in (table.name, source, shard, day, fingerprint(payload)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def list_days(table: Table, storage: Storage) -> list[str]:
    """The days that have a folder, in order, as `2026-03-01`; none of their objects is listed."""
    return [name.removeprefix("day=") for name in storage.list_folders(_folder(table, storage)) if _is_day(table, name)]


def list_objects(table: Table, storage: Storage, days: Iterable[str] | None = None) -> list[str]:
    """The objects of the given days, in order of day and name; of all days, in one listing, where none are given."""
    folder = _folder(table, storage)
    if days is None:
        return [file for file in storage.list_files(folder) if _is_day(table, file.rsplit("/", 2)[1])]
    return [file for day in sorted(days) for file in storage.list_files(f"{folder}/day={day}")]


def _is_day(table: Table, folder: str) -> bool:
    """Whether a folder holds a day of a table; another one that says so is ignored, with a warning."""
    if not folder.startswith("day="):
        return False
    if not re.fullmatch(r"day=\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", folder):
        log.warning("%s: the folder %s is no day and is ignored; a day is written as day=2026-03-01", table.name, folder)
        return False
    return True


def read_objects(table: Table, files: list[str], storage: Storage) -> pa.Table:
    """The rows of some objects, with the day that each path states."""
    parts = []
    for file in sound_objects(files, storage):
        part = pq.read_table(file, filesystem=storage.filesystem, page_checksum_verification=True, partitioning=None)
        day = date.fromisoformat(day_of(file))
        part = fill_columns(part, table, table.arrow_schema.names)
        part = part.append_column("day", pa.array([day] * part.num_rows, pa.date32()))
        parts.append(part.select(table.arrow_schema.names))
    if not parts:
        return table.arrow_schema.empty_table()
    return cast_rows(pa.concat_tables(part.replace_schema_metadata(None) for part in parts), table.arrow_schema)


def sound_objects(files: list[str], storage: Storage) -> list[str]:
    """The objects to read, each held to the hash in its name once in this process.

    Of a payload that was landed again, an earlier object that is damaged is left out: the later one says the same.

    Raises:
        DamagedError: an object is damaged and was not landed again; it says how to.
    """
    newest = {_payload_of(file): file for file in sorted(files)}
    kept = []
    for file in files:
        if is_sound(file, storage):
            kept.append(file)
        elif newest[_payload_of(file)] == file:
            raise DamagedError(file, f"is not what was landed; {_how_to_mend(file, storage)}")
    return kept


def _how_to_mend(file: str, storage: Storage) -> str:
    if f"/{RUN_EVENT.short_name}/" in file:
        return "it says how one step went, and nothing lands it again: remove it"
    source = landings.source_of(file, storage)
    return f"`python -m pipeline ingest --source {source or 'SOURCE'} --day {day_of(file)}` lands it again"


def is_sound(file: str, storage: Storage) -> bool:
    """Whether an object holds the bytes that its name states; one without a hash in its name counts as sound."""
    digest = landings.digest_of(file)
    if not digest or file in _sound:
        return True
    with storage.filesystem.open_input_file(file) as stream:
        if landings.digest_of_stream(stream) != digest:
            return False
    _sound.add(file)
    return True


def _payload_of(file: str) -> tuple[str, str]:
    folder, name = file.rsplit("/", 1)
    return folder, name.split(".")[0]


class DailyObjects(dataset.Dataset):  # type: ignore[misc]
    """A bronze table as DuckDB reads it: only the folders of the days that a query reads are listed.

    DuckDB takes any of Arrow's datasets, and hands what a query says of its columns, `day` among them, to `scanner`. What it
    cannot hand on, such as a bound that is read from another table, leaves all days.

    Attributes:
        trouble: what a listing raised, which DuckDB would tell in words of its own.
    """

    def __init__(self, table: Table, storage: Storage, list_some: Callable[[list[str], bool], list[str]]) -> None:
        """`list_some` gives the objects of some days, and is told whether these are all."""
        self.trouble: Exception | None = None
        self._schema = coded_schema(table) if table in LINES else table.arrow_schema
        self._storage = storage
        self._days = list_days(table, storage)
        self._list_some = list_some
        self._listed: dict[str, list[str]] = {}

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    def scanner(self, **asked: Any) -> Any:
        """Arrow's scanner over the objects of the days that `filter` leaves; `asked` is what every dataset's scanner takes."""
        try:
            files = self._objects(days_within(self._days, asked.get("filter"), self.schema, self._storage.filesystem))
        except Exception as error:
            self.trouble = error
            raise
        if not files:
            return dataset.dataset(self.schema.empty_table()).scanner(**asked)
        return self._storage.dataset(sound_objects(files, self._storage), self.schema, hive="day").scanner(**asked)

    def _objects(self, days: list[str]) -> list[str]:
        """The objects of some days; a query that reads a day twice sees the same ones twice."""
        unlisted = [day for day in days if day not in self._listed]
        self._listed |= {day: [] for day in unlisted}
        if unlisted:
            for file in self._list_some(unlisted, len(unlisted) == len(self._days)):
                day = day_of(file)
                if day in unlisted:
                    self._listed[day].append(file)
        return [file for day in days for file in self._listed[day]]


def coded_schema(table: Table) -> pa.Schema:
    """With texts as dictionaries: lines of a bill repeat what those of the hour before say, and are read in half the memory."""
    coded = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([field.with_type(coded) if pa.types.is_string(field.type) else field for field in table.arrow_schema])


def days_within(days: list[str], condition: Any, schema: pa.Schema, filesystem: Any) -> list[str]:
    """The days of which Arrow cannot rule out that they have rows under a condition; all where it is None."""
    layout = dataset.ParquetFileFormat()
    fragments = [
        layout.make_fragment(day, filesystem, partition_expression=dataset.field("day") == date.fromisoformat(day))
        for day in days
    ]
    every = dataset.FileSystemDataset(fragments, schema, layout, filesystem)
    return [fragment.path for fragment in every.get_fragments(filter=condition)]


def by_day(files: Iterable[str], days: Iterable[str] = ()) -> dict[str, list[str]]:
    """Objects by the day that their paths state; days that are asked for stand there also without any."""
    found: dict[str, list[str]] = {day: [] for day in days}
    for file in files:
        found.setdefault(day_of(file), []).append(file)
    return found


def day_of(file: str) -> str:
    """The day that an object's path states."""
    return file.rsplit("/", 2)[1].removeprefix("day=")


def _folder(table: Table, storage: Storage) -> str:
    return f"{storage.root}/bronze/{table.short_name}"
