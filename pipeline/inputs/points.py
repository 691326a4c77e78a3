"""The points that detectors score."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline.anomalies.detection import Forecast
from pipeline.inputs import read
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings


def read_points(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """The hours of the interval and of `detect_history_hours` before it, for one shard of the series, in order of time."""
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    return read(lake, "points", since=since, as_of=interval.end, shard=shard, shards=shards)


def read_forecasts(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """Of the same hours the newest forecast that was made before each: lower, expected, upper by (series_id, ts)."""
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    rows = read(lake, "forecast_before", since=since, as_of=interval.end, shard=shard, shards=shards)
    return rows.set_index(["series_id", "ts"])


def forecast_of(series: pd.DataFrame, forecasts: pd.DataFrame) -> Forecast:
    """What had been forecast of each hour of one series.

    Args:
        series: rows of `read_points` of one series.
        forecasts: as `read_forecasts` gives them.
    """
    rows = forecasts.reindex(pd.MultiIndex.from_frame(series[["series_id", "ts"]]))
    return Forecast(*(rows[name].to_numpy(dtype="float64") for name in ("lower", "expected", "upper")))
