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
        claims: what only one shard may say something of, such as a payer's bill of one month: another one's is refused.
        restates: the shard whose place this one takes; empty where it takes no other's.
        withdrawn: rows that say of a day, in the interval or not, that there is nothing of something any more. They are landed
            on days of `data`, and on those on which this shard, or the one that it restates, was landed before.
    """

    table: str
    shard: str
    data: pa.Table
    claims: tuple[str, ...] = ()
    restates: str = ""
    withdrawn: pa.Table | None = None
