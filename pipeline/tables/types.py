"""The types that a column may have, as words: the only ones that Arrow, Iceberg, DuckDB and Athena all store without loss.

A moment is naive UTC, to the microsecond.
"""

TYPES = TEXT, WHOLE, NUMBER, FLAG, DATE, MOMENT = ("string", "int64", "float64", "bool", "date", "timestamp")
