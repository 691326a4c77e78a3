"""Anomaly scores for a user's own files: the rows as they were given, with an `anomaly_score` beside each value."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, Detection, Detector, announced_score
from pipeline.errors import DataError, HeadroomError
from pipeline.own_files._samples import label_series, make_folder, read_own, split_series
from pipeline.reading.options import Reading
from pipeline.reading.samples import Samples
from pipeline.reading.sheet import SUFFIXES
from pipeline.report.detected import Stretch, render_detected

#: Of reading: nothing is stated.
DEFAULTS = Reading()
#: Series on the page, and samples of each before and after its gravest alert.
SHOWN, BEFORE, AFTER = 12, 1000, 300
PAGE = "detected.html"


@dataclass(frozen=True)
class Detected:
    """One file scored.

    Attributes:
        path: where the scores were written.
        rows, alerts: in all, and those that are alerts.
        series, alerting, unjudged: in all, those with an alert, and those of which no sample was judged.
        gravest: about the gravest alert of each of the series with the highest scores, these first.
    """

    path: Path
    rows: int
    alerts: int
    series: int
    alerting: int
    unjudged: int
    gravest: tuple[Stretch, ...] = field(default=(), compare=False, repr=False)


def detect_path(
    path: Path,
    out_dir: Path,
    detector: str = "default",
    progress: Callable[[int, int], None] | None = None,
    options: Mapping[str, Any] | None = None,
    reading: Reading = DEFAULTS,
) -> list[Detected]:
    """Score one file, or every `*.csv` in a folder and below, into the same relative paths under `out_dir`.

    Files are read as the source `csv` reads them, and each series is scored in the order of time, whatever order its rows have.
    Rows, their order and the text of timestamps and values stay; `anomaly_score` is 0–1, and 0.5 or more is an alert. Where the
    file names series, `series_id` and `metric` stand beside the value. `detected.html` draws the series with the gravest alerts.

    Args:
        path: a file, or a folder to search.
        out_dir: created when missing; its own files are never taken as input.
        detector: the name of a detector plug.
        progress: called with (files done, files in all).
        options: of the detector, by name; its defaults where not given.
        reading: what is said about the files.

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
    broken: list[HeadroomError] = []
    for done, source in enumerate(inputs, start=1):
        suffix = next((each for each in SUFFIXES if source.name.endswith(each)), source.suffix)
        target = out_dir / source.relative_to(root).with_name(f"{source.name.removesuffix(suffix)}.csv")
        if target.resolve() == source.resolve():
            raise DataError(f"{source}: the output would overwrite the input; choose another folder")
        try:
            samples = read_own(source, reading)
            found = [(rows, detect(samples.ts[rows], samples.value[rows])) for rows in split_series(samples)]
        except HeadroomError as error:
            broken.append(error)
        else:
            score = np.zeros(len(samples.rows))
            for rows, each in found:
                score[rows] = announced_score(each, samples.ts[rows])
            _write(target, source, samples, score)
            known = sum(bool(each.judged.any()) for _, each in found)
            alerting = len(np.unique(samples.series[score >= ALERT]))
            drawn = tuple(_gravest(samples, source, found, score))
            detected.append(
                Detected(target, len(score), int((score >= ALERT).sum()), len(found), alerting, len(found) - known, drawn)
            )
        if progress:
            progress(done, len(inputs))
    if len(inputs) == len(broken) == 1:
        raise broken[0]
    if broken:
        named = "\n".join(map(str, broken))
        raise DataError(f"{len(broken)} of {len(inputs)} files are broken, the others were written:\n{named}")
    return detected


def write_page(detected: list[Detected], out_dir: Path) -> list[Stretch]:
    """Draw the series with the gravest alerts of all files into `detected.html`; these, in their order."""
    ranked = sorted((one for each in detected for one in each.gravest), key=lambda one: -one.score.max())[:SHOWN]
    alerting, series, alerts = (sum(getattr(each, name) for each in detected) for name in ("alerting", "series", "alerts"))
    what = f"{alerts:,} alerts in {alerting:,} of {series:,} series. Shown: {len(ranked)}, each about its gravest."
    (out_dir / PAGE).write_text(render_detected(ranked, what), encoding="utf-8")
    return ranked


def _gravest(
    samples: Samples, path: Path, found: list[tuple[npt.NDArray[np.int64], Detection]], score: npt.NDArray[np.float64]
) -> Iterator[Stretch]:
    """The series of a file with the highest announced scores, each about its own highest."""
    labels = label_series(samples, path)
    alerting = [each for each in found if (score[each[0]] >= ALERT).any()]
    for rows, each in sorted(alerting, key=lambda one: -score[one[0]].max())[:SHOWN]:
        worst = int(score[rows].argmax())
        part = slice(max(0, worst - BEFORE), worst + AFTER)
        name = f"{path.name}: {' '.join(dict.fromkeys(labels[samples.series[rows[0]]]))}"
        at = rows[part]
        bands = (each.expected[part], each.lower[part], each.upper[part])
        yield Stretch(name, samples.ts[at], samples.value[at], *bands, score[at], score[at] >= ALERT)


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


def _write(target: Path, source: Path, samples: Samples, score: npt.NDArray[np.float64]) -> None:
    """In the order of the rows, and of a row's columns; times and values as they were written."""
    data, order = samples.sheet.data, np.lexsort((samples.series, samples.rows))
    stamps = data[samples.time_column].cast("string").to_pylist()
    texts = {column: data[column].cast("string").to_pylist() for column in set(samples.columns)}
    labels = label_series(samples, source)
    named = any(name.resource or name.metric or name.raw for name in samples.names)
    make_folder(target.parent)
    unfinished = target.with_name(target.name + ".unfinished")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("timestamp", *(("series_id", "metric") if named else ()), "value", "anomaly_score"))
        for row, series, each in zip(samples.rows[order], samples.series[order], score[order], strict=True):
            value = texts[samples.columns[series]][row]
            rows.writerow((stamps[row], *(labels[series] if named else ()), value, f"{each:.9g}"))
    unfinished.replace(target)
