"""Silver's and gold's files as they were written: the sha256 of each is kept with the table, and held to the file when read.

pyiceberg writes no checksums and DuckDB looks at none: most of the bits that flip in a data file would be read as other values.
So every file of a commit, data, manifests and manifest list, is hashed while it is written. One more file lists the hashes of all
that the table's snapshots name; a table property, set in the same commit, holds that file's name and hash. What was written
before there were checksums is in no list, and is read as it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.io import OutputFile
from pyiceberg.io.pyarrow import ArrowScan, PyArrowFile, PyArrowFileIO
from pyiceberg.manifest import DataFile
from pyiceberg.table import DataScan, Transaction
from pyiceberg.table import Table as IcebergTable

from pipeline.errors import DamagedError
from pipeline.tables.schema import Scope

PROPERTY = "headroom.checksums"
SUFFIX = ".checksums.json"
EPOCH = datetime(1970, 1, 1)
# What this process has read and found as it was written; files are never rewritten in place.
_sound: set[str] = set()
_lists: dict[str, dict[str, str]] = {}


class HashingFileIO(PyArrowFileIO):
    """pyiceberg's files, hashed while they are written and synced before the commit that names them.

    Attributes:
        written: sha256 by location of what was written through this object.
    """

    def __init__(self, properties: dict[str, str] | None = None) -> None:
        super().__init__(properties or {})
        self.written: dict[str, str] = {}

    def new_output(self, location: str) -> PyArrowFile:
        return _HashedFile(super().new_output(location), self.written)


class _HashedFile(PyArrowFile):
    def __init__(self, plain: PyArrowFile, written: dict[str, str]) -> None:
        super().__init__(plain.location, plain._path, plain._filesystem)
        self._written = written

    def create(self, overwrite: bool = False) -> Any:
        local = self._path if self._filesystem.type_name == "local" else ""
        return _HashedStream(super().create(overwrite), self.location, self._written, local)


class _HashedStream(io.RawIOBase):
    """A stream that hashes what goes through it; `local` is the file to sync when it is complete, empty for an object."""

    def __init__(self, stream: Any, location: str, written: dict[str, str], local: str) -> None:
        self._stream, self._location, self._written, self._local = stream, location, written, local
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._digest.update(content)
        self._stream.write(content)
        return memoryview(content).nbytes

    def tell(self) -> int:
        return int(self._stream.tell())

    def flush(self) -> None:
        if not self._stream.closed:
            self._stream.flush()

    def close(self) -> None:
        if self.closed:
            return
        self._stream.close()
        super().close()
        if self._local:
            _sync(self._local)
        self._written[self._location] = self._digest.hexdigest()


def _sync(path: str) -> None:
    """What the catalog is about to name must outlive a power cut as surely as the catalog does."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def seal(transaction: Transaction, iceberg: IcebergTable, keep: set[str] | None = None) -> None:
    """Make the checksums of what the transaction wrote a part of it.

    Args:
        transaction: with everything written, not yet committed.
        iceberg: the table it began on.
        keep: the locations worth remembering; all where none are given.
    """
    files: Any = iceberg.io
    known = checksums(iceberg) | files.written
    if keep is not None:
        known = {location: digest for location, digest in known.items() if location in keep}
    content = json.dumps(known, sort_keys=True, separators=(",", ":")).encode()
    location = f"{iceberg.location()}/metadata/{uuid4().hex}{SUFFIX}"
    output: OutputFile = iceberg.io.new_output(location)
    with output.create() as stream:
        stream.write(content)
    transaction.set_properties({PROPERTY: f"{location} {hashlib.sha256(content).hexdigest()}"})


def checksums(iceberg: IcebergTable) -> dict[str, str]:
    """sha256 by location of every file that the table's snapshots name and that was written with one.

    Raises:
        DamagedError: the list itself is not what was written.
    """
    entry = iceberg.properties.get(PROPERTY, "")
    if entry and entry not in _lists:
        location, _, digest = entry.rpartition(" ")
        content = _read(iceberg.io, location)
        if hashlib.sha256(content).hexdigest() != digest:
            raise DamagedError(location, "is not what was written")
        _lists[entry] = json.loads(content)
    return _lists.get(entry, {})


def verify_metadata(iceberg: IcebergTable) -> None:
    """Hold the manifest list and the manifests of what readers see to their checksums.

    Raises:
        DamagedError: one is missing or not what was written.
    """
    snapshot = iceberg.current_snapshot()
    if snapshot is None:
        return
    verify(iceberg, [snapshot.manifest_list])
    verify(iceberg, [manifest.manifest_path for manifest in snapshot.manifests(iceberg.io)])


def verify(iceberg: IcebergTable, locations: Iterable[str]) -> int:
    """Hold some of the table's files to their checksums, each once in this process; returns how many have one.

    Raises:
        DamagedError: one is missing or not what was written.
    """
    known = checksums(iceberg)
    held = 0
    for location in locations:
        digest = known.get(location)
        held += digest is not None
        if digest is None or location in _sound:
            continue
        if hashlib.sha256(_read(iceberg.io, location)).hexdigest() != digest:
            raise DamagedError(location, "is not what was written; build it again for the days it holds")
        _sound.add(location)
    return held


def read(iceberg: IcebergTable, scan: DataScan) -> pa.Table:
    """The rows of a scan of the table, its files held to their checksums: what is read is what was looked at, planned once.

    Raises:
        DamagedError: as `verify`.
    """
    tasks = list(scan.plan_files())
    verify(iceberg, [task.file.file_path for task in tasks])
    return ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter, scan.case_sensitive).to_table(tasks)


def damaged(iceberg: IcebergTable, locations: Iterable[str]) -> list[str]:
    """Which of some of the table's files are missing or not what was written, each looked at again."""
    found = []
    for location in locations:
        _sound.discard(location)
        try:
            verify(iceberg, [location])
        except DamagedError:
            found.append(location)
    return found


def holds_only(file: DataFile, iceberg: IcebergTable, scope: Scope) -> bool:
    """Whether all rows of a data file lie in a scope, by the bounds that its manifest states."""

    def bounds(column: str) -> tuple[Any, Any]:
        field: Any = iceberg.schema().find_field(column)
        lower, upper = (each.get(field.field_id) for each in (file.lower_bounds, file.upper_bounds))
        if lower is None or upper is None:
            return None, None
        return from_bytes(field.field_type, lower), from_bytes(field.field_type, upper)

    first, last = bounds(scope.column)
    edges = [int((edge - EPOCH) / timedelta(microseconds=1)) for edge in (scope.start, scope.end)]
    if first is None or first < edges[0] or last >= edges[1]:
        return False
    for column, values in scope.within:
        lower, upper = bounds(column)
        possible = range(lower, upper + 1) if isinstance(lower, int) else {lower, upper}
        # Between two words lie others.
        whole = isinstance(lower, int) or len(possible) == 1
        if not whole or not set(possible) <= set(values):
            return False
    return True


def _read(files: Any, location: str) -> bytes:
    try:
        with files.new_input(location).open() as stream:
            content: bytes = stream.read()
    except FileNotFoundError as error:
        raise DamagedError(location, "is missing") from error
    return content
