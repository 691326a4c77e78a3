"""The words for what a column's type is."""

from __future__ import annotations

# The only types that Arrow, Iceberg, DuckDB and Athena all store without loss; a moment is naive UTC, to the microsecond.
TYPES = TEXT, WHOLE, NUMBER, FLAG, DATE, MOMENT = ("string", "int64", "float64", "bool", "date", "timestamp")
