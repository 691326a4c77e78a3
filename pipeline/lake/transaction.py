"""pyiceberg's transaction, which copies a table's metadata once per change instead of each of twenty times it looks at them, and
finds the rows of each partition without planning a query for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyiceberg.io.pyarrow as files
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import IdentityTransform

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


_split: Any = vars(files)["_determine_partitions"]


def _split_by_value(spec: PartitionSpec, schema: Schema, arrow_table: pa.Table) -> Iterable[Any]:
    """The rows of each partition as pyiceberg gives them; every table of the lake has the values of one column as partitions."""
    [field, *others] = spec.fields
    column = arrow_table[schema.find_column_name(field.source_id)]
    if others or not isinstance(field.transform, IdentityTransform) or column.null_count:
        return _split(spec, schema, arrow_table)
    return _by_value(spec, schema, arrow_table, column)


def _by_value(spec: PartitionSpec, schema: Schema, rows: pa.Table, column: pa.ChunkedArray) -> Iterator[Any]:
    for value in pc.unique(column):
        found = [PartitionFieldValue(spec.fields[0], value.as_py())]
        key = PartitionKey(field_values=found, partition_spec=spec, schema=schema)
        yield files._TablePartition(
            partition_key=key, arrow_table_partition=rows.filter(pc.equal(column, value)).combine_chunks()
        )


vars(files)["_determine_partitions"] = _split_by_value
