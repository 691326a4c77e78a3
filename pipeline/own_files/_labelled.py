"""Series that people labelled: files of timestamp, value and label, with or without windows beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ConfigError, DataError

# What columns are called where nothing is stated, the likeliest first.
_TIME = ("timestamp", "ts", "time", "datetime")
_VALUE = ("value", "cpu_usage")
_LABEL = ("label", "is_anomaly", "anomaly")
_SERIES = ("series_id", "file", "metric")
_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false")


@dataclass(frozen=True)
class Labelled:
    """One series in the order of time.

    Attributes:
        name: of the file, and of the series in it.
        ts, values: its samples; NaN is missing.
        labels: whether people call a sample an anomaly.
    """

    name: str
    ts: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]
    labels: npt.NDArray[np.bool_]


def read_labelled(paths: Sequence[Path], windows: Path | None = None) -> list[Labelled]:
    """The series of CSV and Parquet files.

    Args:
        paths: files with a moment, a value and, unless windows label them, a label: 0 or 1, true or false.
        windows: JSON of file or series → [[first, last], …], as Numenta's benchmark has it; what it does not name has none.

    Raises:
        ConfigError: no such file.
        DataError: a column is missing, a cell is no moment, number or label, or nothing is labelled; the message names it.
    """
    spans = _read_windows(windows) if windows else None
    found = [series for path in paths for series in _read_file(path, spans)]
    if not any(series.labels.any() for series in found):
        raise DataError(f"{', '.join(map(str, paths))}: no sample is labelled as an anomaly, so nothing can be found")
    return found


def _read_windows(path: Path) -> Mapping[str, Sequence[Sequence[str]]]:
    try:
        spans: Mapping[str, Sequence[Sequence[str]]] = json.loads(_existing(path).read_text(encoding="utf-8"))
        for name, pairs in spans.items():
            if any(len(pair) != 2 or pd.Timestamp(pair[0]) > pd.Timestamp(pair[1]) for pair in pairs):
                raise DataError(f"{path}: {name} has a window that is not [first, last]")
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: expected JSON of file → [[first, last], …] ({error})") from error
    return spans


def _read_file(path: Path, spans: Mapping[str, Sequence[Sequence[str]]] | None) -> Iterator[Labelled]:
    try:
        frame = pd.read_parquet(_existing(path)) if path.suffix == ".parquet" else pd.read_csv(_existing(path))
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: {error}") from error
    time, value = _column(frame, _TIME, path, "moments"), _column(frame, _VALUE, path, "values")
    ts = pd.to_datetime(frame[time], errors="coerce", utc=True, format="mixed").dt.tz_localize(None)
    values = pd.to_numeric(frame[value], errors="coerce").astype("float64")
    _refuse(ts.isna(), frame[time], path, "no moment")
    _refuse(values.isna() & frame[value].notna(), frame[value], path, "no number")
    labels = pd.Series(False, index=frame.index)
    if spans is None:
        label = _column(frame, _LABEL, path, "labels; or name a file of windows")
        words = frame[label].astype("string").str.strip().str.lower()
        _refuse(~words.isin((*_YES, *_NO)), frame[label], path, "no label: 0 or 1, true or false")
        labels = words.isin(_YES)
    named = [name for name in _SERIES if name in frame]
    rows = pd.DataFrame({"ts": ts, "value": values, "label": labels, "series": _names(frame, named)})
    for series, part in rows.groupby("series", sort=True):
        ordered = part.sort_values(["ts", "value"], kind="stable")
        name = f"{path.name} {series}".strip()
        moments = ordered["ts"].to_numpy(dtype="datetime64[us]")
        marked = ordered["label"].to_numpy(dtype=np.bool_)
        if spans is not None:
            marked = _inside(moments, _windows_of(spans, path, str(series)))
        yield Labelled(name, moments, ordered["value"].to_numpy(dtype=np.float64), marked)


def _names(frame: pd.DataFrame, named: Sequence[str]) -> pd.Series:
    if not named:
        return pd.Series("", index=frame.index)
    return frame[list(named)].astype("string").fillna("").agg(" ".join, axis=1).astype("object")


def _windows_of(spans: Mapping[str, Sequence[Sequence[str]]], path: Path, series: str) -> Sequence[Sequence[str]]:
    """Those named as the series, or as the file, by any end of its path."""
    whole = path.absolute().as_posix()
    return next((spans[name] for name in spans if name == series or (not series and f"/{whole}".endswith(f"/{name}"))), [])


def _inside(ts: npt.NDArray[np.datetime64], windows: Sequence[Sequence[str]]) -> npt.NDArray[np.bool_]:
    marked = np.zeros(len(ts), dtype=np.bool_)
    for first, last in windows:
        marked |= (ts >= np.datetime64(first, "us")) & (ts <= np.datetime64(last, "us"))
    return marked


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"no file {path}")
    return path


def _column(frame: pd.DataFrame, known: Sequence[str], path: Path, what: str) -> str:
    found = next((name for name in known if name in frame), None)
    if found is None:
        raise DataError(
            f"{path}: no column of {what}; expected one of {', '.join(known)}, there are {', '.join(map(str, frame))}"
        )
    return found


def _refuse(wrong: pd.Series, cells: pd.Series, path: Path, what: str) -> None:
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        raise DataError(f"{path}: row {row + 1}, {cells.name} {str(cells.iloc[row])!r} is {what}")
