"""Rows as the declaration has them, whatever wrote or handed them back."""

from __future__ import annotations

import pyarrow as pa

from pipeline.tables.schema import Table


def fill_columns(data: pa.Table, table: Table, wanted: list[str]) -> pa.Table:
    """The same rows with the wanted columns that were declared after they were written, where these may be null."""
    # Arrow makes the list of names anew each time; there are tables of some 400 columns.
    lacking = set(wanted) - set(data.column_names)
    for column in table.columns:
        if column.nullable and column.name in lacking:
            data = data.append_column(column.name, pa.nulls(data.num_rows, column.arrow_type))
    return data


def cast_rows(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows with exactly the declared schema (Iceberg hands back large strings and loses nullability)."""
    return data.select(schema.names).cast(schema)
