"""An exploration: one page, and a picture of each kind for a slide; of a user's own file, or of what the lake knows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.errors import ConfigError, DataError
from pipeline.exploration.figures import draw_all, halve, to_png
from pipeline.exploration.observed import LABELS, Observed, choose, from_samples
from pipeline.exploration.page import render
from pipeline.exploration.statistics import describe_metrics
from pipeline.own_files._samples import label_series, make_folder, open_own, read_opened
from pipeline.reading import cells
from pipeline.reading.options import METRIC, RESOURCE, TIME, VALUE, Reading
from pipeline.reading.sheet import Sheet

log = logging.getLogger(__name__)

#: Whose column an export of the fleet has, where a file has none of the usual names.
OWN_RESOURCE = "server_id"
#: Of a file a label like the others; in the lake it is part of a resource's name.
REGION = "region"
#: What an export of the fleet says of each day, which is no metric.
CALENDAR = ("year", "month", "quarter", "dayofweek", "is_weekend", "is_eoq", "is_holiday")

#: Dots per inch of a picture on a slide; the page has half of it.
SLIDE_DPI = 150


def explore(
    observed: Observed,
    out: Path,
    metrics: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    mix: str = "",
) -> Path:
    """Write `explore.html`, and a PNG for a slide per picture, into a folder.

    Args:
        observed: what is drawn.
        out: the folder.
        metrics: those that are drawn.
        progress: is told how many of the pictures are done.
        mix: which share of the resources is real, replayed, outside or synthetic, as a sentence that each picture has, too; empty
            where all are real, or nobody knows.

    Returns:
        The page.

    Raises:
        ConfigError: a metric that was not observed.
        DataError: nothing was observed.
    """
    if observed.days.empty:
        raise DataError(f"{observed.title}: nothing was observed; ingest and build days first, or name others")
    chosen = choose(observed, metrics)
    make_folder(out)
    pictures = []
    for number, (name, heading, figure) in enumerate(draw_all(chosen), start=1):
        slide = to_png(figure, SLIDE_DPI, mix)
        (out / f"{name}.png").write_bytes(slide)
        pictures.append((name, heading, halve(slide)))
        if progress:
            progress(number, 10)
    days = chosen.days
    lead = (
        f"{days['resource'].nunique():,} resources from {days['ts'].min():%Y-%m-%d} to {days['ts'].max():%Y-%m-%d}, "
        f"{len(days):,} days of them in {len(chosen.metrics)} metrics; a day is its P95, of UTC. What kind of series a metric "
        "is, is said of the mean over all resources." + (f" {mix}." if mix else "")
    )
    page = out / "explore.html"
    page.write_text(render(chosen.title, lead, describe_metrics(chosen), pictures), encoding="utf-8")
    return page


def read_file(path: Path, reading: Reading) -> Observed:
    """What a user's own file holds; of a wide one the columns of numbers, and what it says of its resources as labels.

    Columns that are neither are left out, and named in a warning.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: it cannot be read; the message names the line.
    """
    sheet = open_own(path)
    names = {name.strip().lower(): name for name in sheet.data.column_names}
    if reading.resource_column is None and OWN_RESOURCE in names and not names.keys() & {*RESOURCE}:
        reading = reading.model_copy(update={"resource_column": names[OWN_RESOURCE]})
    beside = find_beside(sheet, reading)
    samples = read_opened(sheet, path, reading, [name.strip().lower() for name in beside])
    unnamed = not samples.resource_column and not {name.strip().lower() for name in beside} <= {*CALENDAR}
    if unnamed and len(np.unique(samples.ts)) < len(np.unique(samples.rows)):
        raise ConfigError(f"{path}: several rows of one moment: which column names the resource? state resource_column")
    told = [name for name in beside if samples.resource_column and name.strip().lower() in (*LABELS, REGION)]
    if left := [name for name in beside if name not in told]:
        log.warning("%s: %s left out: words, or what the day says already", path, ", ".join(left))
    named = pd.DataFrame(label_series(samples, path), columns=["resource", "metric"])
    rows = named.iloc[samples.series].assign(ts=samples.ts.astype("datetime64[us]"), value=samples.value, unit="")
    percent = np.array(samples.percent, dtype=bool)[samples.series]
    observed = from_samples(path.name, rows.assign(unit=np.where(percent, "percent", "")))
    if not told:
        return observed
    return replace(observed, labels=_read_labels(sheet, rows.assign(row=samples.rows), told))


def _read_labels(sheet: Sheet, rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """What was said last of each resource that has a value; None where that is nothing.

    Args:
        sheet: the file.
        rows: resource, ts, value, row (of the file).
        columns: of the file, those with labels.
    """
    once = rows.dropna(subset="value").drop_duplicates("row").sort_values("ts", kind="stable")
    last = once.drop_duplicates("resource", keep="last")
    said: dict[str, Any] = dict.fromkeys(LABELS)
    for column in columns:
        words = cells.words(sheet, column).astype("object")[last["row"].to_numpy()]
        said[column.strip().lower()] = [None if str(word).lower() in cells.BLANK else word for word in words]
    return last[["resource"]].assign(**said).reset_index(drop=True)


def find_beside(sheet: Sheet, reading: Reading) -> list[str]:
    """The columns of a wide file that are no samples: words, truths, and the calendar's.

    Numbers with units, thousands or a spoilt cell are not among them: they are refused with their line, as everywhere.
    """
    lower = {name: name.strip().lower() for name in sheet.data.column_names}
    has_value = reading.value_column is not None or bool({*lower.values()} & {*VALUE})
    if reading.layout == "long" or (reading.layout is None and has_value) or (sheet.dialect and sheet.dialect.labels):
        return []
    kept: set[str] = set()
    for stated, usual in ((reading.time_column, TIME), (reading.resource_column, RESOURCE), (reading.metric_column, METRIC[:1])):
        kept |= {stated} if stated else {name for name, small in lower.items() if small in usual}
    return [name for name, small in lower.items() if name not in kept and (small in CALENDAR or _has_words(sheet, name))]


def _has_words(sheet: Sheet, column: str) -> bool:
    """Whether no cell of a column could be meant as a number."""
    kind = sheet.data[column].type
    if not (pa.types.is_boolean(kind) or pa.types.is_dictionary(kind) or cells.is_text(kind)):
        return False
    said = [str(word) for word in cells.words(sheet, column).categories if str(word).lower() not in cells.BLANK]
    return bool(said) and all(word[0].isalpha() and not word.lower().startswith("inf") for word in said)


def from_lake(title: str, days: pd.DataFrame, hours: pd.DataFrame, resources: pd.DataFrame) -> Observed:
    """What the lake knows, as `inputs.explored_days`, `inputs.explored_hours` and `inputs.resources` give it."""
    place = ["account", "region", "resource_id"]
    # A name is told apart by its account and region only where it has to be.
    twice = days[place].drop_duplicates().groupby("resource_id").size()
    plain = not (twice > 1).any()

    def name(rows: pd.DataFrame) -> pd.Series:
        return rows["resource_id"] if plain else rows["account"] + "/" + rows["region"] + "/" + rows["resource_id"]

    # Of the same account and region: another's server of that name is another server.
    listed = days[place].drop_duplicates().merge(resources, on=place, validate="1:1")
    labels = listed.assign(resource=name(listed))[["resource", *LABELS]]
    return Observed(title, days.assign(resource=name(days)).drop(columns=place), hours, labels)
