"""The types that a column may have, as words: the only ones that Arrow, Iceberg, DuckDB and Athena all store without loss.

A moment is naive UTC, to the microsecond. Money is a decimal of 38 digits, 12 of them behind the point: sums are exact.
"""

TYPES = TEXT, WHOLE, NUMBER, FLAG, DATE, MOMENT, MONEY = ("string", "int64", "float64", "bool", "date", "timestamp", "decimal")
#: Digits of money in all, and behind the point.
PRECISION, SCALE = 38, 12
