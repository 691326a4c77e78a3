"""The declared types as Arrow stores them."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.schema import TYPES

TIMESTAMP = pa.timestamp("us")
ARROW_TYPES: dict[str, pa.DataType] = dict(
    zip(TYPES, (pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), TIMESTAMP), strict=True)
)
