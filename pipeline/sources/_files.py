"""Reading the files people bring: CSV (also gzipped) and Parquet, untouched, with errors that name the place."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipeline.errors import DataError, SourceError

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def read(path: Path) -> pa.Table:
    """The whole file. Columns of a CSV are strings exactly as written; those of Parquet have the file's types.

    Raises:
        SourceError: the file is missing, unreadable or of another kind.
        DataError: a header without or with repeated names, or a row whose number of fields differs from the header's.
    """
    if not path.name.endswith(SUFFIXES):
        raise SourceError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise SourceError(f"{path}: no such file")
    try:
        if path.name.endswith(".parquet"):
            data = pyarrow.parquet.ParquetFile(path).read()
            _check_header(path, data.column_names)
            return data
        names = _header(path)
        return _read_csv(path, names)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: {error}") from error
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: {error}") from error


def _read_csv(path: Path, names: list[str]) -> pa.Table:
    if not _has_rows(path):
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=16 << 20),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False, check_utf8=True
        ),
    )


def _open(path: Path) -> Any:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("rt", encoding="utf-8-sig", newline="")


def _header(path: Path) -> list[str]:
    with _open(path) as lines:
        names = next(csv.reader(lines), [])
    _check_header(path, names)
    return names


def _has_rows(path: Path) -> bool:
    with _open(path) as lines:
        reader = csv.reader(lines)
        next(reader, None)
        return next(reader, None) is not None


def _check_header(path: Path, names: list[str]) -> None:
    if not names or any(not name.strip() for name in names):
        raise DataError(f"{path}: expected a header row with a name for every column, got {names!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column names {twice} occur more than once")


def version(path: Path) -> tuple[int, int] | None:
    """What changes when the file does: modification time and size, or None where there is no file."""
    if not path.exists():
        return None
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def require(path: Path, data: pa.Table, names: list[str]) -> None:
    """Raise a DataError unless every named column is there."""
    absent = [name for name in names if name not in data.column_names]
    if absent:
        raise DataError(f"{path}: no column {absent}; expected {names}, the file has {data.column_names}")


def refuse(path: Path, column: str, values: Any, bad: Any, expected: str) -> None:
    """Raise a DataError for the first row where `bad` is true; rows count from 1 after the header."""
    places = np.flatnonzero(np.asarray(bad, dtype=bool))
    if len(places):
        row = int(places[0])
        value = values.iloc[row] if isinstance(values, pd.Series) else values[row]
        more = f" ({len(places)} such rows)" if len(places) > 1 else ""
        raise DataError(f"{path}: row {row + 1}, column {column!r}: expected {expected}, got {value!r}{more}")


def moments(path: Path, column: str, values: pd.Series, timezone: str = "UTC") -> pd.Series:
    """Timestamps as naive UTC microseconds.

    Args:
        values: ISO 8601 text (`2026-04-01 12:00:00`, `…T12:00:00Z`), or the timestamps of a Parquet file.
        timezone: what a timestamp without an offset is in.

    Raises:
        DataError: a value that is not a moment, or one that the change to or from summer time makes ambiguous.
    """
    if pd.api.types.is_numeric_dtype(values):
        raise DataError(
            f"{path}: column {column!r}: expected timestamps, got numbers of {values.dtype}: say which epoch they count"
        )
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        aware = values.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_dtype(values):
        aware = _localised(path, column, values, timezone)
    else:
        text = values.astype("string").str.strip()
        offset = text.str.contains(r"(?:Z|[+-]\d{2}:?\d{2})$", regex=True).fillna(False).to_numpy(dtype=bool)
        aware = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
        if offset.any():
            aware[offset] = pd.to_datetime(text[offset], format="ISO8601", utc=True, errors="coerce")
        if (~offset).any():
            naive = pd.to_datetime(text[~offset], format="ISO8601", errors="coerce")
            refuse(
                path,
                column,
                values,
                pd.Series(~offset, index=values.index) & naive.reindex(values.index).isna(),
                "a moment as in ISO 8601",
            )
            aware[~offset] = _localised(path, column, naive, timezone)
    refuse(path, column, values, aware.isna(), "a moment as in ISO 8601")
    return aware.dt.tz_localize(None).astype("datetime64[us]")


def _localised(path: Path, column: str, naive: pd.Series, timezone: str) -> pd.Series:
    if timezone == "UTC":
        return naive.dt.tz_localize("UTC")
    aware = naive.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    clash = aware.isna() & naive.notna()
    if clash.any():
        raise DataError(
            f"{path}: column {column!r}: {naive[clash].iloc[0]} is ambiguous or does not exist in {timezone}; "
            "export timestamps in UTC or with their offset"
        )
    return aware.dt.tz_convert("UTC")
