"""A user's own file as series: read as the source `csv` reads it, but for units, which nothing here needs."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from pipeline.errors import ConfigError, DataError
from pipeline.reading.options import Reading
from pipeline.reading.samples import Samples, read_samples
from pipeline.reading.sheet import read_sheet

log = logging.getLogger(__name__)


def read_own(path: Path, reading: Reading) -> Samples:
    """The samples of a file; what was left out is said as a warning.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: it is not what its name says, lacks a column, or a cell is no moment or number; the message names the line.
    """
    if not path.is_file():
        raise ConfigError(f"no file {path}")
    try:
        sheet = read_sheet(str(path), lambda: path.open("rb"))
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: {error}") from error
    samples = read_samples(sheet, reading)
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
    return [
        (series_id, f"{metric} {name.statistic}" if several[series_id, metric] > 1 and name.statistic else metric)
        for (series_id, metric), name in zip(pairs, samples.names, strict=True)
    ]


def _metrics(samples: Samples) -> list[str]:
    """What a series without a metric measures: its column where rows name the resource, else simply values."""
    return [column if column != name.raw else "value" for name, column in zip(samples.names, samples.columns, strict=True)]
