"""SQLite's catalog, with the metadata of a table read once for each version of it: a step looks at the same one many times."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

_LOCAL = "file://"
# About as many as a lake has tables: what is kept of a long backfill must not grow.
_KEPT = 96


class KnownCatalog(SqlCatalog):
    """The catalog; where the lake is on this machine's disk, a file of metadata is parsed again only where it was changed."""

    def _convert_orm_to_iceberg(self, orm_table: IcebergTables) -> Table:
        location = orm_table.metadata_location or ""
        path = Path(location.removeprefix(_LOCAL))
        if not location.startswith(_LOCAL) or not path.exists():
            return super()._convert_orm_to_iceberg(orm_table)
        stat = path.stat()
        metadata = _read(location, stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return Table(
            identifier=(*Catalog.identifier_to_tuple(orm_table.table_namespace), orm_table.table_name),
            metadata=metadata,
            metadata_location=location,
            io=self._load_file_io(metadata.properties, location),
            catalog=self,
        )


@lru_cache(maxsize=_KEPT)
def _read(location: str, *_changed: int) -> TableMetadata:
    """What a file says; nobody changes it in place."""
    return FromInputFile.table_metadata(PyArrowFileIO().new_input(location))
