"""How well each source of a run fits what the pipeline asks of one, from the lake."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.exploration.compatibility import HOURS, HOURS_TOLD, WEEKDAYS, fits, rate, season_strength
from pipeline.inputs import read
from pipeline.tables.exploration import DATASET_COMPAT

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

_METRIC = ["source", "metric"]
#: The least days that are looked at: eight weeks, of which the season of a week is told.
DAYS_READ = timedelta(days=56)
#: How far back hours are asked for.
HOURS_READ = HOURS_TOLD


def days_read(settings: Settings) -> timedelta:
    """How far back days are asked for."""
    return max(DAYS_READ, timedelta(days=settings.min_daily_history))


def dataset_compat(interval: Interval, lake: Lake, settings: Settings) -> pd.DataFrame:
    """Rows of `gold.dataset_compat` as of the interval's end: a row per source and metric that it delivered in the interval."""
    bounds = {"start": interval.start, "end": interval.end}
    since = interval.end - days_read(settings)
    landed = read(lake, "dataset_landed", **bounds)
    if landed.empty:
        return DATASET_COMPAT.empty()
    days = read(lake, "dataset_days", since=since, **bounds)
    hours = read(lake, "dataset_hours", since=interval.end - HOURS_READ, **bounds)
    moved = read(lake, "dataset_correlation", since=since, **bounds).rename(columns={"correlation": "correlation_cpu"})
    facts = landed.merge(_history(days), how="left", on=_METRIC).merge(moved, how="left", on=_METRIC)
    counts = ["period_s", "days", "span_days", "samples", "expected_samples"]
    facts[counts] = facts[counts].fillna(0).astype("int64")
    rated = rate(facts, settings.min_daily_history)
    rated["daily_strength"] = _strengths(rated, hours, HOURS)
    rated["weekly_strength"] = _strengths(rated, days, WEEKDAYS)
    rated["fits_documented"] = [fits(*pair) for pair in zip(rated["metric"], rated["correlation_cpu"], strict=True)]
    rows = rated.assign(as_of=interval.as_of).to_dict("records")
    return DATASET_COMPAT.frame({str(name): value for name, value in row.items()} for row in rows)


def _history(days: pd.DataFrame) -> pd.DataFrame:
    """source, metric, days, span_days, samples, expected_samples."""
    groups = days.groupby(_METRIC)
    found = groups[["samples", "expected_samples"]].sum().assign(days=groups.size())
    span = (groups["ts"].max() - groups["ts"].min()).dt.days + 1
    return found.assign(span_days=span).reset_index()


def _strengths(rated: pd.DataFrame, values: pd.DataFrame, season: int) -> list[float]:
    known = {key: rows.set_index("ts")["value"] for key, rows in values.groupby(_METRIC)}
    nothing = pd.Series(dtype=np.float64)
    found = [season_strength(known.get(key, nothing), season) for key in zip(rated["source"], rated["metric"], strict=True)]
    return [np.nan if each is None else each for each in found]
