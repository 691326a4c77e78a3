"""Columns as words, numbers and moments; what is none of them is refused with its line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DataError
from pipeline.reading.options import Reading
from pipeline.reading.sheet import Sheet

#: What stands for no value, in lower case.
BLANK = ("", "nan", "na", "n/a", "null", "none")
#: A stated unit of time that gives moments outside these years is the wrong one.
_SINCE, _UNTIL = np.datetime64("2000-01-01", "us"), np.datetime64("2100-01-01", "us")
_MICROSECONDS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_EPOCH_DIGITS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}
# Year, month and day: "2026" and "2026-03" are no day.
_DAY = r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{8})(?!\d)"
# Z, +02:00, -0500 or +00 after a time of day; "2026-01-01" ends in no offset.
_OFFSET = r"Z$|(?::\d{2}|[T ]\d{4}|[T ]\d{6})(?:\.\d+)?[+-]\d{2}(?::?\d{2})?$"
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?|[+-]?\d{1,3}(\.\d{3})+(,\d+)?")

Moments = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
ANY: Reading = Reading()


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def words(sheet: Sheet, column: str) -> pd.Categorical:
    """A column as stripped text, each different word kept once; null where it is null."""
    values = sheet.data[column]
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        raise DataError(f"{sheet}: column {column!r}: expected text, got {values.type}")
    encoded = values.cast(pa.string()).combine_chunks().dictionary_encode()
    stripped = pd.Series(encoded.dictionary.to_pandas(), dtype="object").str.strip()
    same, kept = pd.factorize(stripped)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(np.append(same, -1)[codes], categories=pd.Index(kept, dtype="object"))


def numbers(sheet: Sheet, column: str, reading: Reading = ANY) -> tuple[Floats, bool]:
    """A column as floats, NaN where a cell says nothing (`BLANK`), and whether its cells end in `%`.

    Raises:
        DataError: something else that is not a finite number, or `%` in some cells alone, with the line.
    """
    text = _stated(sheet, column)
    if not is_text(text.type):
        parsed = text.to_numpy()
        sheet.refuse(column, np.isinf(parsed), "a finite number")
        return np.asarray(parsed, dtype=np.float64), False
    signed = pc.ends_with(text, "%")
    percent = bool(pc.any(signed).as_py())
    if percent:
        sheet.refuse(column, pc.fill_null(pc.invert(signed), False), "a number with % as in the other cells")
        text = pc.utf8_rtrim_whitespace(pc.utf8_rtrim(text, "%"))
    decimal = reading.decimal or (sheet.dialect.decimal if sheet.dialect else "point")
    mark = pc.match_substring(text, ".") if decimal == "comma" else pc.match_substring(text, ",")
    parsed = _parsed_numbers(pc.replace_substring(text, ",", ".") if decimal == "comma" else text)
    wrong = np.isinf(parsed) | np.asarray(pc.fill_null(mark, False))
    sheet.refuse(
        column, wrong, "a finite number" if decimal == "point" else f"a number with a decimal {decimal}", _number_hint(decimal)
    )
    return parsed, percent


def read_numbers(sheet: Sheet, column: str) -> Floats:
    """A column as floats with a decimal point: NaN where a cell says nothing (`BLANK`), infinite where it is no finite number.

    Raises:
        DataError: the file's column is of another type than text or numbers.
    """
    return _parsed_numbers(_stated(sheet, column))


def _stated(sheet: Sheet, column: str) -> pa.ChunkedArray:
    """A column of numbers as floats, or of text as stripped text; null where a cell says nothing."""
    values = sheet.data[column]
    if is_text(values.type):
        text = pc.utf8_trim_whitespace(values)
        blank = pc.is_in(pc.utf8_lower(text), value_set=pa.array(BLANK, values.type))
        return pc.if_else(blank, pa.scalar(None, values.type), text)
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
        raise DataError(f"{sheet}: column {column!r}: expected numbers, got {values.type}")
    return values.cast(pa.float64())


def _parsed_numbers(text: pa.ChunkedArray) -> Floats:
    """Floats; NaN where the text is null, infinite where it is no number."""
    try:
        return np.asarray(text.cast(pa.float64()).to_numpy(), dtype=np.float64)
    except pa.ArrowInvalid:
        parsed = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(dtype=np.float64, copy=True)
        parsed[np.isnan(parsed) & text.is_valid().to_numpy()] = np.inf
        return np.asarray(parsed, dtype=np.float64)


def _number_hint(decimal: str | None) -> Callable[[Any], str]:
    def hint(value: Any) -> str:
        text = str(value).strip().rstrip("% ")
        if decimal is None:
            return "; state decimal=comma, or decimal=point, which refuses thousands separators"
        if _THOUSANDS.fullmatch(text):
            return f" (decimal {decimal}); thousands separators are not read: export plain numbers" + (
                ", or state decimal=comma" if decimal == "point" and "." not in text else ""
            )
        if decimal == "point" and re.fullmatch(r"[+-]?\d+,\d+", text):
            return " (decimal point); is it a decimal comma? state decimal=comma"
        if re.match(r"[+-]?\d[\d.,]*\s*[A-Za-zµ/]+$", text):
            return "; export the values without their units, in Grafana without formatting"
        return ""

    return hint


def moments(sheet: Sheet, column: str, reading: Reading = ANY) -> tuple[Moments, Flags]:
    """A column of moments as naive UTC microseconds, and which of them an ambiguous hour drops (they are NaT).

    Text is ISO 8601 (`2026-04-01 12:00:00`, `…T12:00:00Z`, `… UTC`) or a count since 1970 in the stated unit; Parquet may have
    timestamps or dates as well.

    Raises:
        DataError: a value that is not a moment, is outside 2000–2099 by the stated unit, or is one that the change to or from
            summer time skips or repeats.
    """
    every, clashes = read_moments(sheet, column, reading)
    if reading.ambiguous != "drop":
        advice = "export UTC, or each moment with its offset; or state ambiguous=first, second or drop"
        sheet.refuse(column, clashes, f"a moment that exists exactly once in {reading.timezone}; {advice}")
    dropped = clashes if reading.ambiguous == "drop" else np.zeros(len(every), dtype=bool)
    expected = "a moment as in ISO 8601" if reading.time_format == "iso" else f"a moment of 2000 to 2099 as {reading.time_format}"
    sheet.refuse(column, np.isnat(every) & ~dropped, expected, _moment_hint)
    return every, dropped


def read_moments(sheet: Sheet, column: str, reading: Reading = ANY) -> tuple[Moments, Flags]:
    """The same, NaT where a cell is no moment, and which of them are one that the time zone does not have exactly once.

    Raises:
        DataError: the file's column is of a type that cannot be one of moments.
    """
    values = sheet.data[column]
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        parsed, clash = _localised(values.to_pandas(date_as_object=False), reading)
        places = np.arange(len(values))
    elif is_text(kind) or pa.types.is_integer(kind) or (pa.types.is_floating(kind) and reading.time_format != "iso"):
        # Samples of many series share their timestamps, so each different text is parsed once.
        text = words(sheet, column)
        parsed, clash = _parsed_moments(pd.Series(text.categories, dtype="string"), reading)
        places = np.asarray(text.codes)
    else:
        raise DataError(f"{sheet}: column {column!r}: expected timestamps, got {kind}; convert it, or export ISO 8601")
    # The entry appended last stands for null.
    every = np.append(parsed.to_numpy(dtype="datetime64[us]"), np.datetime64("NaT", "us"))[places]
    return every, np.append(clash, False)[places]


def _moment_hint(value: Any) -> str:
    text = str(value).strip()
    if re.fullmatch(r"\d+", text) and len(text) in _EPOCH_DIGITS:
        return f"; if that counts from 1970, state time_format={_EPOCH_DIGITS[len(text)]}"
    if re.fullmatch(r"\d{4}(-\d{2})?", text):
        return ", which is no day"
    if re.match(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b", text):
        return "; which is day and which is month is not guessed: export YYYY-MM-DD"
    return ""


def _parsed_moments(text: pd.Series, reading: Reading) -> tuple[pd.Series, Flags]:
    """Naive UTC moments, NaT where the text is none, and which of them the time zone does not have exactly once."""
    parsed = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    clash = np.zeros(len(text), dtype=bool)
    if reading.time_format != "iso":
        count = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64) * _MICROSECONDS[reading.time_format]
        inside = (count >= _SINCE.astype(np.int64)) & (count < _UNTIL.astype(np.int64))
        parsed[inside] = np.round(count[inside]).astype("int64").astype("datetime64[us]")
        return parsed, clash
    text = text.str.replace(r"\s*(?:UTC|GMT)$", "Z", regex=True)
    day = text.str.contains(_DAY, regex=True).to_numpy(dtype=bool)
    offset = day & text.str.contains(_OFFSET, regex=True).to_numpy(dtype=bool)
    naive = day & ~offset
    if offset.any():
        aware = pd.to_datetime(text[offset], format="ISO8601", utc=True, errors="coerce")
        parsed[offset] = aware.dt.tz_localize(None).astype("datetime64[us]")
    if naive.any():
        local = pd.to_datetime(text[naive], format="ISO8601", errors="coerce")
        parsed[naive], clash[naive] = _localised(local, reading)
    return parsed, clash


def _localised(given: pd.Series, reading: Reading) -> tuple[pd.Series, Flags]:
    """UTC, and which moments the time zone does not have exactly once; those are NaT."""
    if isinstance(given.dtype, pd.DatetimeTZDtype):
        aware = given
    elif reading.timezone == "UTC":
        aware = given.dt.tz_localize("UTC")
    else:
        summer: Any = {"first": np.ones(len(given), dtype=bool), "second": np.zeros(len(given), dtype=bool)}
        aware = given.dt.tz_localize(reading.timezone, ambiguous=summer.get(reading.ambiguous or "", "NaT"), nonexistent="NaT")
    found = aware.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    return found, (aware.isna() & given.notna()).to_numpy()
