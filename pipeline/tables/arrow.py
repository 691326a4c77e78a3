"""The declared types as Arrow and pandas hold them, and rows in the shape that a table declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DataError
from pipeline.tables.types import PRECISION, SCALE

if TYPE_CHECKING:
    from pipeline.tables.schema import Column, Table

TIMESTAMP = pa.timestamp("us")
ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": TIMESTAMP,
    "decimal": pa.decimal128(PRECISION, SCALE),
}

# Where a null is allowed: numpy's own types of these two have none.
_NULLABLE = {"int64": pd.Int64Dtype(), "bool": pd.BooleanDtype()}


def frame(table: Table, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """`Table.frame`, see there."""
    given, names = list(rows), frozenset(table.names)
    for number, row in enumerate(given):
        if not row.keys() <= names:
            unknown = sorted(row.keys() - names)
            raise DataError(f"{table.name}: row {number} has columns {unknown}; declared are {list(table.names)}")
    return pd.DataFrame({c.name: _series([row.get(c.name) for row in given], c, table) for c in table.columns})


def _series(values: list[object], column: Column, table: Table) -> Any:
    where = f"{table.name}: column {column.name}"
    try:
        array = pa.array(values, from_pandas=True)
        if pa.types.is_timestamp(array.type) and array.type.tz is None:
            array = array.cast(TIMESTAMP)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{where}: {error}; expected {column.type}") from error
    conformed = conform_column(pa.chunked_array([array]), column, table.name)
    return conformed.to_pandas(types_mapper=lambda _: _NULLABLE.get(column.type) if column.nullable else None)


def conform_column(array: pa.ChunkedArray, column: Column, where: str) -> pa.ChunkedArray:
    """One column in its declared type.

    Raises:
        DataError: naming the column, the first offending value and what was expected.
    """
    if array.type != column.arrow_type:
        array = _widened(array, column, where)
    if not column.nullable and array.null_count:
        row = pc.index(pc.is_null(array), True).as_py()
        raise DataError(f"{where}: column {column.name} is null in {array.null_count} rows (first: row {row}); expected a value")
    if pa.types.is_floating(array.type):
        finite = pc.fill_null(pc.is_finite(array), True)
        if not pc.all(finite, min_count=0).as_py():
            row = pc.index(finite, False).as_py()
            raise DataError(f"{where}: column {column.name} is {array[row].as_py()} in row {row}; expected a finite number")
    return array


def _widened(array: pa.ChunkedArray, column: Column, where: str) -> pa.ChunkedArray:
    given, wanted = array.type, column.arrow_type
    whole = pa.types.is_integer(given) or (pa.types.is_decimal(given) and given.scale == 0)
    lossless = (
        pa.types.is_null(given)
        or (wanted == pa.int64() and whole)
        or (wanted == pa.float64() and (pa.types.is_integer(given) or pa.types.is_floating(given)))
        or (wanted == pa.string() and (pa.types.is_large_string(given) or pa.types.is_dictionary(given)))
        or (wanted == pa.string() and pa.types.is_string_view(given))
    )
    if lossless:
        try:
            return array.cast(wanted)
        except pa.ArrowInvalid as error:
            raise DataError(f"{where}: column {column.name} does not fit {wanted}: {error}") from error
    example = next((value.as_py() for chunk in array.chunks for value in chunk if value.is_valid), None)
    raise DataError(f"{where}: column {column.name} is {given} (such as {example!r}), expected {wanted}")
