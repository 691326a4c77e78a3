"""SQLite's catalog, with the metadata of a table read once for each version of it: a step looks at the same one many times."""

from __future__ import annotations

from pathlib import Path

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

_LOCAL = "file://"
# Tables of which the metadata are kept: a step has to do with fewer, and they grow with every commit.
_KEPT = 32
# By the folder of a table's metadata, in the order of their last use: which file, its state, and what it says.
_newest: dict[str, tuple[str, tuple[int, ...], TableMetadata]] = {}


class KnownCatalog(SqlCatalog):
    """The catalog; where the lake is on this machine's disk, a file of metadata is parsed again only where it was changed."""

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        location = orm_table.metadata_location or ""
        path = Path(location.removeprefix(_LOCAL))
        if not location.startswith(_LOCAL) or not path.exists():
            return super()._convert_orm_to_iceberg(orm_table)
        stat = path.stat()
        metadata = _read(location, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return Table(
            identifier=(*Catalog.identifier_to_tuple(orm_table.table_namespace), orm_table.table_name),
            metadata=metadata,
            metadata_location=location,
            io=self._load_file_io(metadata.properties, location),
            catalog=self,
        )


def _read(location: str, changed: tuple[int, ...]) -> TableMetadata:
    """What a file says, which nobody changes in place; of a table the newest version that was asked for is kept."""
    folder = location.rpartition("/")[0]
    known = _newest.pop(folder, None)
    if known is None or known[:2] != (location, changed):
        known = (location, changed, FromInputFile.table_metadata(PyArrowFileIO().new_input(location)))
    _newest[folder] = known
    # Each of these is one operation for other threads; a lock could be held while a process is forked.
    for oldest in list(_newest)[:-_KEPT]:
        _newest.pop(oldest, None)
    return known[2]
