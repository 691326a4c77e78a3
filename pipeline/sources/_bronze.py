"""The bronze tables as sources fill them, and the cut to an interval that every source ends with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import tables
from pipeline.errors import DataError
from pipeline.interval import Interval
from pipeline.sources._batch import Batch
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import STAMPED

# A name reaches paths, queries and spreadsheets: no formula (`=`, `+`, `-`, `@` first), no blank or quote, and, checked beside
# the pattern, no parent folder.
IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}"
PLAIN_NAME = "a plain name: letters, digits and . _ : / @ + -, a letter or digit first, no blanks, no '..'"


def is_plain(name: str, pattern: str = IDENTIFIER) -> bool:
    """Whether a name is safe wherever it may go."""
    return re.fullmatch(pattern, name) is not None and ".." not in name


@cache
def schema(table: str) -> pa.Schema:
    """The columns of a bronze table that a source fills, in the table's order."""
    return pa.schema([pa.field(c.name, c.arrow_type) for c in tables.ALL[table].columns if c.name not in STAMPED])


def rows(table: str, columns: Mapping[str, Any]) -> pa.Table:
    """A table in the bronze layout; a scalar fills its column, an absent column is null.

    Args:
        table: name of a bronze table.
        columns: by name; arrays of one length (numpy, pandas, pyarrow, lists) or scalars.
    """
    layout = schema(table)
    unknown = set(columns) - set(layout.names)
    if unknown:
        raise ValueError(f"{table} has no columns {sorted(unknown)}")
    length = next(len(v) for v in columns.values() if hasattr(v, "__len__") and not isinstance(v, str))
    return pa.table([_array(columns.get(f.name), f.type, length) for f in layout], schema=layout)


def _array(value: Any, kind: pa.DataType, length: int) -> pa.Array:
    if value is None:
        return pa.nulls(length, kind)
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value.cast(kind)
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return pa.repeat(pa.scalar(value, kind), length)
    # from_pandas reads NaN in a nullable attribute as null, which is what a missing attribute is.
    return pa.array(value, from_pandas=True).cast(kind)


def within(data: pa.Table, interval: Interval, time: str = "ts") -> pa.Table:
    """The rows whose moment lies in the interval, in their order."""
    inside = pc.and_(
        pc.greater_equal(data[time], pa.scalar(interval.start, TIMESTAMP)),
        pc.less(data[time], pa.scalar(interval.end, TIMESTAMP)),
    )
    return data if pc.all(inside, min_count=0).as_py() else data.filter(inside)


def days(path: str, first: datetime | None, last: datetime | None) -> Interval:
    """The whole days from the first moment of a file to its last.

    Raises:
        DataError: there is none.
    """
    if first is None or last is None:
        raise DataError(f"{path}: no rows, so it spans no days")
    return Interval(Interval.day(first.date()).start, Interval.day(last.date()).end)


def ordered(data: pa.Table, by: Sequence[str]) -> pa.Table:
    """The rows sorted by `by`; equal keys keep the order in which the source gave them."""
    position = "__position"
    numbered = data.append_column(position, pa.array(range(len(data)), type=pa.int64()))
    return numbered.sort_by([(name, "ascending") for name in (*by, position)]).drop_columns([position])


def batch(table: str, shard: str, data: pa.Table) -> Iterator[Batch]:
    """One batch, or none where there are no rows."""
    if len(data):
        yield Batch(table, shard, data.combine_chunks())
