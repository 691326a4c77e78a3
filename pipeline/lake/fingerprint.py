"""A hash of what a table says, whatever its chunks, buffers or file versions look like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def fingerprint(data: pa.Table) -> str:
    """sha256 over column names, types and values, in row order.

    Two tables with equal schemas (nullability aside) and equal rows have equal fingerprints, across processes, machines and
    library versions: the digest is taken over plain little-endian values, never over a file format.
    """
    return _digest(zip(data.column_names, data.columns, strict=True))


def sorted_fingerprint(data: pa.Table, key: tuple[str, ...]) -> str:
    """The fingerprint of the rows in key order, columns by name."""
    order = pc.sort_indices(data, [(name, "ascending") for name in key])
    # One column at a time: a sorted copy of all of them would double the memory.
    return _digest((name, data[name].take(order)) for name in sorted(data.column_names))


def _digest(columns: Iterable[tuple[str, pa.ChunkedArray]]) -> str:
    digest = hashlib.sha256()
    for name, column in columns:
        digest.update(f"{name}\0{column.type}\0{len(column)}\0".encode())
        digest.update(np.packbits(pc.is_null(column).to_numpy()).tobytes())
        _update(digest, column)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    if pa.types.is_string(column.type):
        filled = pc.fill_null(column, "")
        digest.update(pc.binary_length(filled).to_numpy().astype("<i4").tobytes())
        for chunk in filled.chunks:
            digest.update(_text(chunk))
    elif pa.types.is_boolean(column.type):
        digest.update(np.packbits(pc.fill_null(column, False).to_numpy()).tobytes())
    elif pa.types.is_floating(column.type):
        # −0.0 and 0.0 are the same figure; NaN is one value.
        values = pc.fill_null(column, 0.0).to_numpy() + 0.0
        values[np.isnan(values)] = np.nan
        digest.update(values.astype("<f8").tobytes())
    elif pa.types.is_decimal(column.type):
        for chunk in pc.fill_null(column, pa.scalar(0, column.type)).chunks:
            digest.update(memoryview(chunk.buffers()[1])[16 * chunk.offset : 16 * (chunk.offset + len(chunk))])
    else:
        integers = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
        integers = integers.cast(pa.int64())
        digest.update(pc.fill_null(integers, 0).to_numpy().astype("<i8").tobytes())


def _text(chunk: pa.StringArray) -> memoryview:
    """The UTF-8 bytes of one value after the other, as Arrow already holds them."""
    _, offsets, values = chunk.buffers()
    if values is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, "<i4", count=len(chunk) + 1, offset=4 * chunk.offset)
    return memoryview(values)[bounds[0] : bounds[-1]]
