"""Anomaly scores for a user's own CSV files: `timestamp,value` in, `timestamp,value,anomaly_score` out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, Detector
from pipeline.errors import DataError

_MISSING = frozenset({"", "nan", "na", "null", "none"})


@dataclass(frozen=True)
class Detected:
    """One file scored: where the scores were written, its rows, and how many of them are alerts."""

    path: Path
    rows: int
    alerts: int


def detect_path(
    path: Path,
    out_dir: Path,
    detector: str = "default",
    progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Detected]:
    """Score one CSV file, or every `*.csv` in a folder and below, into the same relative paths under `out_dir`.

    Rows, their order and the text of timestamps and values stay; `anomaly_score` is 0–1, and 0.5 or more is an alert.

    Args:
        path: a file, or a folder to search.
        out_dir: created when missing; its own files are never taken as input.
        detector: the name of a detector plug.
        progress: called with (files done, files in all).
        options: of the detector, by name; its defaults where not given.

    Returns:
        One entry per file written, in the order of their paths.

    Raises:
        ConfigError: no such detector, or an option that it does not have.
        DataError: nothing to read, or broken files. In a folder the sound files are written first; the error names
            every broken one with its row and column.
    """
    detect: Detector = plugs.bind("detectors", detector, plugs.check_options("detectors", detector, options or {}))
    path, out_dir = Path(path), Path(out_dir)
    inputs = _inputs(path, out_dir)
    root = path if path.is_dir() else path.parent
    detected: list[Detected] = []
    broken: list[str] = []
    for done, source in enumerate(inputs, start=1):
        target = out_dir / source.relative_to(root)
        if target.resolve() == source.resolve():
            raise DataError(f"{source}: the output would overwrite the input; choose another folder")
        try:
            stamps, texts, ts, values = read_series(source)
        except DataError as error:
            broken.append(str(error))
        else:
            score = detect(ts, values).score
            _write(target, stamps, texts, score)
            detected.append(Detected(target, len(score), int((score >= ALERT).sum())))
        if progress:
            progress(done, len(inputs))
    if broken:
        raise DataError(
            broken[0]
            if len(inputs) == 1
            else f"{len(broken)} of {len(inputs)} files are broken, the others were written:\n" + "\n".join(broken)
        )
    return detected


def read_series(
    path: Path,
) -> tuple[list[str], list[str], npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """The rows of a `timestamp,value` CSV: both columns as text, then parsed (naive UTC; NaN for a missing value).

    Raises:
        DataError: not a CSV with these columns, or a cell that cannot be parsed; names file, row (as an editor counts
            lines, for files without line breaks in cells) and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            missing = [name for name in ("timestamp", "value") if header.count(name) != 1]
            if missing:
                raise DataError(
                    f"{path}: expected the columns timestamp and value, once each, in row 1; got {', '.join(header) or 'nothing'}"
                )
            at_stamp, at_value = header.index("timestamp"), header.index("value")
            stamps, texts, lines = [], [], []
            for cells in rows:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise DataError(f"{path}: row {rows.line_num} has {len(cells)} cells, expected {len(header)}")
                stamps.append(cells[at_stamp])
                texts.append(cells[at_value])
                lines.append(rows.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8: {error}") from error
    ts = pd.to_datetime(pd.Series(stamps, dtype=object), format="ISO8601", utc=True, errors="coerce")
    if ts.isna().any():
        first = int(np.flatnonzero(ts.isna())[0])
        raise DataError(f"{path}: row {lines[first]}, column timestamp: expected an ISO 8601 time, got {stamps[first]!r}")
    blank = pd.Series([text.strip().lower() in _MISSING for text in texts], dtype=bool)
    values = pd.to_numeric(pd.Series(texts, dtype=object).str.strip().mask(blank), errors="coerce").astype(np.float64)
    wrong = values.isna() & ~blank
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(f"{path}: row {lines[first]}, column value: expected a number, got {texts[first]!r}")
    return stamps, texts, ts.dt.tz_localize(None).to_numpy("datetime64[us]"), np.asarray(values, dtype=np.float64)


def _inputs(path: Path, out_dir: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    outputs = out_dir.resolve()
    skip = outputs != path.resolve() and outputs.is_relative_to(path.resolve())
    files = sorted(
        file for file in path.rglob("*.csv") if file.is_file() and not (skip and file.resolve().is_relative_to(outputs))
    )
    if not files:
        raise DataError(f"{path}: no *.csv file in this folder or below it")
    return files


def _write(target: Path, stamps: list[str], texts: list[str], score: npt.NDArray[np.float64]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(target.name + ".unfinished")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("timestamp", "value", "anomaly_score"))
        rows.writerows(zip(stamps, texts, (f"{each:.9g}" for each in score), strict=True))
    unfinished.replace(target)
