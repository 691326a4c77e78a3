"""An exploration: one page, and a picture of each kind for a slide; of a user's own file, or of what the lake knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.errors import DataError
from pipeline.exploration.figures import draw_all, halve, to_png
from pipeline.exploration.observed import LABELS, Observed, choose, from_samples
from pipeline.exploration.page import render
from pipeline.exploration.statistics import describe_metrics
from pipeline.own_files._samples import label_series, make_folder, read_own
from pipeline.reading.options import Reading

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
    """What a user's own file holds.

    Raises:
        ConfigError: no such file, or what a column means has to be stated.
        DataError: it cannot be read; the message names the line.
    """
    samples = read_own(path, reading)
    labels = label_series(samples, path)
    named = pd.DataFrame(labels, columns=["resource", "metric"])
    rows = named.iloc[samples.series].assign(ts=samples.ts.astype("datetime64[us]"), value=samples.value, unit="")
    percent = np.array(samples.percent, dtype=bool)[samples.series]
    return from_samples(path.name, rows.assign(unit=np.where(percent, "percent", "")))


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
