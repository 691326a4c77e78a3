"""What a source hands over: rows of one bronze table."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Batch:
    """Rows of one bronze table, without `tables.columns.STAMPED`, which landing adds.

    Attributes:
        table: `bronze.<name>`.
        shard: which part of the source's rows this is; one fetch yields each (table, shard) at most once.
        data: the rows, in the order of `ts`.
    """

    table: str
    shard: str
    data: pa.Table
