"""pyiceberg's transaction, which copies a table's metadata once per change instead of each of twenty times it looks at them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata

from pipeline.lake import checksums
from pipeline.lake.fence import summary_of
from pipeline.tables.schema import Scope


class OneCopy(Transaction):
    """A transaction; the metadata name every snapshot, so that each copy costs more the longer a table has lived."""

    def __init__(self, table: IcebergTable) -> None:
        super().__init__(table)
        self._derived: tuple[Any, Any, TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The table's metadata with what was changed so far; nobody changes them in place."""
        base, updates = self._table.metadata, self._updates
        if not updates:
            return base
        if self._derived is None or self._derived[0] is not base or self._derived[1] is not updates:
            self._derived = base, updates, super().table_metadata
        return self._derived[2]


def commit(iceberg: IcebergTable, data: pa.Table, scope: Scope, *, replaces: bool) -> None:
    """One commit on the head that was looked at; the catalog refuses it if the head has moved."""
    summary = summary_of(scope)
    with OneCopy(iceberg) as transaction:
        if not replaces:
            transaction.append(data, snapshot_properties=summary)
        elif data.num_rows:
            transaction.overwrite(data, overwrite_filter=scope.expression(), snapshot_properties=summary)
        else:
            transaction.delete(delete_filter=scope.expression(), snapshot_properties=summary)
        checksums.seal(transaction, iceberg)
