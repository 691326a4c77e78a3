"""A user's own file as series: read as the source `csv` reads it, but for units, which nothing here needs."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.errors import ConfigError, DataError
from pipeline.reading.options import Reading
from pipeline.reading.samples import Samples, read_samples
from pipeline.reading.sheet import Sheet, read_sheet

log = logging.getLogger(__name__)


def read_own(path: Path, reading: Reading, beside: Sequence[str] = ()) -> Samples:
    """The samples of a file; what was left out is said as a warning.

    Args:
        path: the file.
        reading: what is said about it.
        beside: names, in lower case, of columns that have no samples; the sheet has them.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: it is not what its name says, lacks a column, or a cell is no moment or number; the message names the line.
    """
    return read_opened(open_own(path), path, reading, beside)


def open_own(path: Path) -> Sheet:
    """The rows of a file, before anybody says what its columns are.

    Raises:
        ConfigError: no such file.
        DataError: it is not what its name says.
    """
    if not path.is_file():
        raise ConfigError(f"no file {path}")
    try:
        return read_sheet(str(path), lambda: path.open("rb"))
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {error}") from error


def read_opened(sheet: Sheet, path: Path, reading: Reading, beside: Sequence[str] = ()) -> Samples:
    """What `read_own` does, of a file that is open."""
    apart = [name for name in sheet.data.column_names if name.strip().lower() in beside]
    samples = replace(read_samples(replace(sheet, data=sheet.data.drop_columns(apart)), reading), sheet=sheet)
    for remark in samples.remarks:
        log.warning("%s: %s", path, remark)
    return samples


def label_series(samples: Samples, path: Path) -> list[tuple[str, str]]:
    """`series_id` and `metric` of each series: as the file names them, else the file's and the column's own name."""
    pairs = [
        (name.resource or (name.raw if not name.metric else "") or path.name.partition(".")[0], name.metric or column)
        for name, column in zip(samples.names, _metrics(samples), strict=True)
    ]
    several = Counter(pairs)
    labels = [
        (series_id, f"{metric} {name.statistic}" if several[series_id, metric] > 1 and name.statistic else metric)
        for (series_id, metric), name in zip(pairs, samples.names, strict=True)
    ]
    # What is the same but for labels that name no resource keeps its whole name.
    same = Counter(labels)
    return [
        (name.raw if same[label] > 1 and name.raw else label[0], label[1])
        for label, name in zip(labels, samples.names, strict=True)
    ]


def split_series(samples: Samples) -> list[npt.NDArray[np.int64]]:
    """Places of the samples of each series, in the order of time; those of one moment by their value."""
    order = np.lexsort((samples.value, samples.ts, samples.series))
    parts = np.split(order, np.flatnonzero(np.diff(samples.series[order])) + 1)
    return [part for part in parts if len(part)]


def make_folder(out: Path) -> None:
    """Make a folder for what is written, unless it is there.

    Raises:
        ConfigError: something else is called so, or it may not be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write into {out}: {error.strerror}") from error


def _metrics(samples: Samples) -> list[str]:
    """What a series without a metric measures: its column where rows name the resource, else simply values."""
    return [column if column != name.raw else "value" for name, column in zip(samples.names, samples.columns, strict=True)]
