"""The points that detectors score."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
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


def read_beside(interval: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> dict[str, pd.DataFrame]:
    """Of the same hours all metrics of each resource that has a series in the shard: series → its resource's rows."""
    since = interval.start - timedelta(hours=settings.detect_history_hours)
    rows = read(lake, "points_beside", since=since, as_of=interval.end, shard=shard, shards=shards)
    by_resource = rows.groupby(["account", "region", "resource_id"], sort=True)
    return {str(series_id): some for _, some in by_resource for series_id in some["series_id"].unique()}


def others_of(series: pd.DataFrame, beside: Mapping[str, pd.DataFrame]) -> dict[str, npt.NDArray[np.float64]]:
    """The other metrics of a series' resource at its hours; NaN where one has no sample.

    Args:
        series: rows of `read_points` of one series.
        beside: as `read_beside` gives it.
    """
    own = str(series["series_id"].iloc[0])
    rows = beside[own]
    others = rows[rows["series_id"] != own].groupby("series_id", sort=True)
    return {str(name): some.set_index("ts")["value"].reindex(series["ts"]).to_numpy(dtype=np.float64) for name, some in others}


def read_points_so_far(hours: Interval, lake: Lake, settings: Settings, shard: int = 0, shards: int = 1) -> pd.DataFrame:
    """Some hours of a day and all before them that its day's run will see, for one shard of the series, in order of time.

    They begin where those of the day begin, so that detectors know of each hour what they will know in that run.
    """
    since = midnight_before(hours.start) - timedelta(hours=settings.detect_history_hours)
    return read(lake, "points_so_far", since=since, as_of=hours.end, shard=shard, shards=shards)


def midnight_before(moment: datetime) -> datetime:
    """The midnight that a moment's day begins with."""
    return datetime.combine(moment.date(), datetime.min.time())
