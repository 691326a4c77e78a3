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
from typing import Any
from uuid import uuid4

from pyiceberg.io import OutputFile
from pyiceberg.io.pyarrow import PyArrowFile, PyArrowFileIO
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction

from pipeline.errors import DamagedError

PROPERTY = "headroom.checksums"
SUFFIX = ".checksums.json"
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
    written: HashingFileIO = iceberg.io
    known = checksums(iceberg) | written.written
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
            raise DamagedError(location, "is not what was written")
        _sound.add(location)
    return held


def _read(files: Any, location: str) -> bytes:
    try:
        with files.new_input(location).open() as stream:
            content: bytes = stream.read()
    except FileNotFoundError as error:
        raise DamagedError(location, "is missing") from error
    return content
