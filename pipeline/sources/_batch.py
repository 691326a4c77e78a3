"""What a source hands over: rows of one bronze table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

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


@dataclass(frozen=True)
class Load:
    """All lines of one execution of an export: too many to lie in memory at once, and landed whole or not at all.

    Attributes:
        table: of bronze, by month.
        shard: the export.
        fingerprint: what changes when the execution does, or one of its files; known before any of them is read.
        period: of all its lines; None where they may be of several.
        pieces: gives the lines, with declared columns and others; raises after the last where they do not belong together.
    """

    table: str
    shard: str
    fingerprint: str
    period: date | None
    pieces: Callable[[], Iterator[pa.Table]]
