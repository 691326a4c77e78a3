"""Reading the files people bring: CSV (also gzipped) and Parquet, untouched, with errors that name the place."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
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
            plain = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in data.schema]
            return data.cast(pa.schema(plain))
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
        value = values[row].as_py() if isinstance(values, pa.ChunkedArray) else np.asarray(values, dtype=object)[row]
        more = f" ({len(places)} such rows)" if len(places) > 1 else ""
        raise DataError(f"{path}: row {row + 1}, column {column!r}: expected {expected}, got {value!r}{more}")


def words(path: Path, column: str, values: pa.ChunkedArray) -> pd.Categorical:
    """A column as stripped text, each different word kept once; null where it is null."""
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        raise DataError(f"{path}: column {column!r}: expected text, got {values.type}")
    encoded = values.cast(pa.string()).combine_chunks().dictionary_encode()
    stripped = pd.Series(encoded.dictionary.to_pandas(), dtype="object").str.strip()
    same, kept = pd.factorize(stripped)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(np.append(same, -1)[codes], categories=pd.Index(kept, dtype="object"))


def numbers(path: Path, column: str, values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A column as floats; an empty cell, null, `NaN` or `null` is NaN.

    Raises:
        DataError: something else that is not a finite number, with its row.
    """
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        text = pc.utf8_trim_whitespace(values)
        blank = pc.is_in(pc.utf8_lower(text), value_set=pa.array(["", "nan", "null"], values.type))
        text = pc.if_else(blank, pa.scalar(None, values.type), text)
        try:
            parsed = text.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            parsed = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(dtype=np.float64)
            # What pandas cannot read either is made infinite, and so refused below; blanks stay NaN.
            parsed[np.isnan(parsed) & text.is_valid().to_numpy()] = np.inf
    elif pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        parsed = values.cast(pa.float64()).to_numpy()
    else:
        raise DataError(f"{path}: column {column!r}: expected numbers, got {values.type}")
    refuse(path, column, values, np.isinf(parsed), "a finite number")
    result: npt.NDArray[np.float64] = parsed
    return result


def moments(path: Path, column: str, values: pa.ChunkedArray, timezone: str = "UTC") -> npt.NDArray[np.datetime64]:
    """A column of timestamps as naive UTC microseconds.

    Args:
        path: the file, for messages.
        column: its name, for messages.
        values: ISO 8601 text (`2026-04-01 12:00:00`, `…T12:00:00Z`), or the timestamps or dates of a Parquet file.
        timezone: what a timestamp without an offset is in.

    Raises:
        DataError: a value that is not a moment, or one that the change to or from summer time skips or repeats.
    """
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        # Samples of many series share their timestamps, so each different text is parsed once.
        text = words(path, column, values)
        parsed, clash = _parsed(pd.Series(text.categories, dtype="string"), timezone)
        places = np.asarray(text.codes)
    elif pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        given = values.to_pandas(date_as_object=False)
        parsed, clash = _localised(given, timezone)
        places = np.arange(len(values))
    else:
        raise DataError(f"{path}: column {column!r}: expected timestamps, got {values.type}; convert it, or export ISO 8601")
    # The entry appended last stands for null.
    every = np.append(parsed.to_numpy(dtype="datetime64[us]"), np.datetime64("NaT", "us"))[places]
    once = f"a moment that exists exactly once in {timezone}; export UTC, or each moment with its offset"
    refuse(path, column, values, np.append(clash, False)[places], once)
    refuse(path, column, values, np.isnat(every), "a moment as in ISO 8601")
    result: npt.NDArray[np.datetime64] = every
    return result


def _parsed(text: pd.Series, timezone: str) -> tuple[pd.Series, npt.NDArray[np.bool_]]:
    """Naive UTC moments, NaT where the text is none, and which of them the time zone does not have exactly once."""
    # Z, +02:00, -0500 or +00 after a time of day; "2026-01-01" ends in no offset.
    offset = text.str.contains(r"Z$|:\d{2}(?:\.\d+)?[+-]\d{2}(?::?\d{2})?$", regex=True).to_numpy(dtype=bool)
    parsed = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    clash = np.zeros(len(text), dtype=bool)
    if offset.any():
        aware = pd.to_datetime(text[offset], format="ISO8601", utc=True, errors="coerce")
        parsed[offset] = aware.dt.tz_localize(None).astype("datetime64[us]")
    if not offset.all():
        naive = pd.to_datetime(text[~offset], format="ISO8601", errors="coerce")
        parsed[~offset], clash[~offset] = _localised(naive, timezone)
    return parsed, clash


def _localised(given: pd.Series, timezone: str) -> tuple[pd.Series, npt.NDArray[np.bool_]]:
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        aware = given
    elif timezone == "UTC":
        aware = given.dt.tz_localize("UTC")
    else:
        aware = given.dt.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    moments = aware.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    return moments, (aware.isna() & given.notna()).to_numpy()
