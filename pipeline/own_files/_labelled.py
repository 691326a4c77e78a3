"""Series that people labelled: a user's own files with a column of labels, or with windows beside them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.errors import ConfigError, DataError
from pipeline.own_files._samples import label_series, read_own, split_series
from pipeline.reading.options import Reading
from pipeline.reading.samples import Samples

# What a column of labels is called, in any case, the likeliest first.
_LABEL = ("label", "is_anomaly", "anomaly")
_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false")

#: File or series → first and last moment of each of its windows, naive UTC.
Windows = Mapping[str, Sequence[tuple[np.datetime64, np.datetime64]]]


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


def read_labelled(paths: Sequence[Path], windows: Path | None, reading: Reading) -> list[Labelled]:
    """The series of files that are read as the source `csv` reads them.

    Args:
        paths: files with, unless windows label them, a column of labels: 0 or 1, true or false.
        windows: JSON of file or series → [[first, last], …], as Numenta's benchmark has it; what it does not name has none.
        reading: what is said about the files.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: a column is missing, a cell is no moment, number or label, or nothing is labelled; the message names it.
    """
    spans = _read_windows(windows) if windows else None
    called = Counter(path.name for path in paths)
    found = [
        series
        for path in paths
        for series in _read_file(path, path.name if called[path.name] == 1 else str(path), spans, reading)
    ]
    if not any(series.labels.any() for series in found):
        raise DataError(f"{', '.join(map(str, paths))}: no sample is labelled as an anomaly, so nothing can be found")
    return found


def _read_windows(path: Path) -> Windows:
    if not path.is_file():
        raise ConfigError(f"no file {path}")
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): [_window(pair) for pair in pairs] for name, pairs in given.items()}
    except (ValueError, AttributeError, TypeError, OSError) as error:
        raise DataError(f"{path}: expected JSON of file → [[first, last], …] ({error})") from error


def _window(pair: Any) -> tuple[np.datetime64, np.datetime64]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        raise ValueError(f"{pair!r} is no [first, last]")
    first, last = pd.to_datetime(pair, utc=True, format="mixed").tz_localize(None).to_numpy(dtype="datetime64[us]")
    if not first <= last:
        raise ValueError(f"{pair!r} ends before it begins, or has no moment")
    return first, last


def _read_file(path: Path, called: str, spans: Windows | None, reading: Reading) -> Iterator[Labelled]:
    samples = read_own(path, reading, _LABEL)
    labels = None if spans else _read_labels(samples)
    names, series = label_series(samples, path), split_series(samples)
    for one in series:
        resource, metric = names[samples.series[one[0]]]
        name = resource if metric == "value" else f"{resource} {metric}"
        alone = len(series) == 1
        ts = samples.ts[one].astype("datetime64[us]")
        if labels is None:
            marked = _inside(ts, _windows_of(spans or {}, {resource, name}, path if alone else None))
        else:
            marked = labels[samples.rows[one]]
        yield Labelled(called if alone else f"{called} {name}", ts, samples.value[one], marked)


def _read_labels(samples: Samples) -> npt.NDArray[np.bool_]:
    """Of each row of the file, whether it is labelled as an anomaly."""
    sheet = samples.sheet
    known = {name.strip().lower(): name for name in reversed(sheet.data.column_names)}
    label = next((known[name] for name in _LABEL if name in known), None)
    if label is None:
        raise DataError(
            f"{sheet}: no column of labels; expected one of {', '.join(_LABEL)}, or name a file of windows; {sheet.contents}"
        )
    words = pd.Series(sheet.data[label].cast("string").to_pylist(), dtype="string").str.strip().str.lower()
    sheet.refuse(label, ~words.isin((*_YES, *_NO)), "0 or 1, true or false")
    return words.isin(_YES).to_numpy(dtype=np.bool_)


def _windows_of(spans: Windows, names: set[str], path: Path | None) -> Sequence[tuple[np.datetime64, np.datetime64]]:
    """Those of the series, or of the file by any end of its path where it has no other series."""
    whole = f"/{path.absolute().as_posix()}" if path else ""
    return next((spans[name] for name in spans if name in names or whole.endswith(f"/{name}")), [])


def _inside(ts: npt.NDArray[np.datetime64], windows: Sequence[tuple[np.datetime64, np.datetime64]]) -> npt.NDArray[np.bool_]:
    marked = np.zeros(len(ts), dtype=np.bool_)
    for first, last in windows:
        marked |= (ts >= first) & (ts <= last)
    return marked
