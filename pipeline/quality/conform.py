"""Bring data into the shape that a table declares."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.tables.arrow import TIMESTAMP, conform_column
from pipeline.tables.schema import Table, bucket_of


def conform(data: Any, table: Table, interval: Interval) -> pa.Table:
    """The rows in exactly the declared schema, or an error; nothing is dropped, truncated or guessed.

    Integers widen, other types must match. The partition column is derived from the time column, the bucket from the series.

    Args:
        data: an Arrow table, or a pandas frame (whose NaN and NaT are nulls and whose timestamps must be whole microseconds).

    Raises:
        DataError: unknown or missing columns, another type, a null in a column that forbids it, NaN or infinity. The message
            names table, interval, column and the first such value.
    """
    where = f"{table.name} {interval}"
    rows = data if isinstance(data, pa.Table) else _from_pandas(data, where)
    names = [c.name for c in table.all_columns]
    unknown = [name for name in rows.column_names if name not in names]
    if unknown:
        raise DataError(f"{where}: unknown columns {unknown}; declared are {names}")
    if "bucket" in names and "bucket" not in rows.column_names and "series_id" in rows.column_names:
        rows = rows.append_column("bucket", _buckets(rows["series_id"]))
    there = set(rows.column_names)
    missing = [c.name for c in table.columns if c.name not in there]
    if missing:
        raise DataError(f"{where}: missing columns {missing}")
    arrays = {c.name: conform_column(rows[c.name], c, where) for c in table.columns}
    arrays[table.partition] = _partition(arrays[table.time], table.partition)
    return pa.table([arrays[name] for name in names], schema=table.arrow_schema)


def _from_pandas(frame: Any, where: str) -> pa.Table:
    rows = pa.Table.from_pandas(frame, preserve_index=False)
    for position, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is None and field.type != TIMESTAMP:
            try:
                rows = rows.set_column(position, field.name, rows[field.name].cast(TIMESTAMP))
            except pa.ArrowInvalid as error:
                raise DataError(f"{where}: column {field.name} is finer than microseconds: {error}") from error
    return rows.replace_schema_metadata(None)


def _buckets(series_id: pa.ChunkedArray) -> pa.Array:
    names = pc.unique(series_id)
    buckets = pa.array([bucket_of(name) for name in names.to_pylist()], pa.int64())
    return buckets.take(pc.index_in(series_id.combine_chunks(), value_set=names))


def _partition(time: pa.ChunkedArray, partition: str) -> pa.ChunkedArray:
    return pc.floor_temporal(time, unit=partition).cast(pa.date32())
