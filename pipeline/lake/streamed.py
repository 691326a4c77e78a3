"""Landing what does not fit into memory: written aside piece by piece, and put into bronze when all of it is there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import DataError
from pipeline.lake import identifiers, landings
from pipeline.lake.bronze import cut_to_milliseconds
from pipeline.lake.storage import Storage
from pipeline.tables.columns import made_safe, provenance
from pipeline.tables.schema import Table

#: Under which an object says what its execution was told by: a scrub has its name from that.
FINGERPRINT = "headroom.fingerprint"


@dataclass(frozen=True)
class Execution:
    """What is landed together: all that one source and shard say under one fingerprint."""

    table: Table
    source: str
    shard: str
    fingerprint: str

    @property
    def owner(self) -> str:
        return landings.owner_of(self.source, self.shard)

    @property
    def labels(self) -> dict[str, str]:
        """What its objects bear, and `load_id` is found by."""
        return {"headroom.source": self.source, "headroom.shard": self.shard, FINGERPRINT: self.fingerprint}

    def load_id(self, day: str) -> str:
        """The name of its lines of one billing period."""
        parts = (self.table.name, self.source, self.shard, day, self.fingerprint)
        return hashlib.sha256("".join(f"{part}\0" for part in parts).encode()).hexdigest()

    def landed(self, day: str, storage: Storage) -> landings.Landing | None:
        """Its landing of one billing period, if no other execution was landed since."""
        last = landings.newest(landings.read(self.table, [day], storage)[day], self.owner)
        return last if last is not None and last.load_id == self.load_id(day) else None

    def number(self, day: str, ingested_at: datetime, storage: Storage) -> int:
        """Of the landing that is about to be written."""
        known = landings.read(self.table, [day], storage)[day]
        landings.warn_of_skew(self.table, day, known, ingested_at)
        return 1 + max((each.sequence for each in known), default=0)


class Part:
    """The lines of one day's folder, in a file beside the lake.

    Attributes:
        file: that has them.
        rows: written so far.
        load_id, sequence: under which they will be known.
    """

    def __init__(self, execution: Execution, file: Path, load_id: str, sequence: int, ingested_at: datetime) -> None:
        self.file, self.rows, self.load_id, self.sequence = file, 0, load_id, sequence
        self._table, self._labels, self._ingested_at = execution.table, execution.labels, ingested_at
        self._writer: pq.ParquetWriter | None = None

    def add(self, piece: pa.Table) -> None:
        """Write a piece as one row group.

        Raises:
            DataError: it has other columns than the pieces before it.
        """
        rows = cut_to_milliseconds(piece)
        for column, stamp in zip(provenance, (self.load_id, self._ingested_at, self.sequence), strict=True):
            rows = rows.append_column(column.name, _repeated(stamp, column.arrow_type, len(rows)))
        rows = rows.append_column(made_safe.name, identifiers.made_safe(self._table, piece)).unify_dictionaries()
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self.file, rows.schema, compression="zstd", write_page_checksum=True, store_schema=False
            )
            self._writer.add_key_value_metadata(self._labels)
        elif odd := sorted(set(rows.column_names) ^ set(self._writer.schema.names)):
            raise DataError(f"{self._table.name}: files of one execution have different columns: {', '.join(odd[:5])}")
        wanted = self._writer.schema
        self._writer.write_table(rows.select(wanted.names).cast(wanted), row_group_size=max(1, len(rows)))
        self.rows += len(rows)

    def close(self) -> str:
        """End the file, and tell its digest.

        Raises:
            DataError: it does not have all lines that were added.
        """
        if self._writer is not None:
            self._writer.close()
        if (written := pq.read_metadata(self.file).num_rows) != self.rows:
            raise DataError(f"{self._table.name}: {written:,} of {self.rows:,} lines were written; nothing is landed")
        with self.file.open("rb") as stream:
            return landings.digest_of_stream(stream)


@contextmanager
def written_aside(
    execution: Execution, pieces: Iterable[pa.Table], ingested_at: datetime, storage: Storage
) -> Iterator[dict[str, Part]]:
    """All pieces, by day of the table's time, in files that are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="headroom-") as folder:
        parts: dict[str, Part] = {}
        for piece in pieces:
            for day, rows in _by_day(piece, execution.table.time):
                if day not in parts:
                    number = execution.number(day, ingested_at, storage)
                    parts[day] = Part(execution, Path(folder, f"{day}.parquet"), execution.load_id(day), number, ingested_at)
                parts[day].add(rows)
        yield parts


def _by_day(piece: pa.Table, time: str) -> Iterator[tuple[str, pa.Table]]:
    days = piece[time].cast(pa.date32())
    unique: list[date] = sorted(pc.unique(days).to_pylist())
    for day in unique:
        yield day.isoformat(), piece if len(unique) == 1 else piece.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def _repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if kind == pa.string():
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, "int32")), pa.array([value], kind))
    return pa.repeat(pa.scalar(value, kind), rows)
