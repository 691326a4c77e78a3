"""What models forecast: the p95 of each period's demand, and daily effective cost, as panels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.inputs import read
from pipeline.tables.money import COST_DAILY
from pipeline.tables.schema import Table, bucket_of
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.forecasting.panel import Panel
    from pipeline.lake import Lake
    from pipeline.settings import Settings
    from pipeline.tables.columns import Granularity

# Two weeks, so that one month's bill can be forecast.
_LEAST_COST_DAYS = 14


def read_metrics(lake: Lake, as_of: datetime, granularity: Granularity, settings: Settings) -> list[str]:
    """The metrics that have demand to forecast; `cost` is one by the day."""
    name = "metrics_hourly" if granularity == "hour" else "metrics_daily"
    return sorted(read(lake, name, since=_since(as_of, granularity, settings), as_of=as_of)["metric"])


def table_of(metric: str, granularity: str) -> Table:
    """Where the demand of a metric comes from."""
    if metric == "cost":
        return COST_DAILY
    return METRIC_DAILY if granularity == "day" else METRIC_HOURLY


def read_demand(
    lake: Lake,
    as_of: datetime,
    granularity: Granularity,
    settings: Settings,
    shard: int = 0,
    shards: int = 1,
    metric: str = "",
) -> pd.DataFrame:
    """A long frame series_id, metric, unit, ts, value of what models learn from, for one shard of the series.

    Days only of series with as much history as the settings ask for; younger ones are forecast by the hour.

    Args:
        lake: where it is read.
        as_of: nothing that begins later is read.
        granularity: hours or days.
        settings: how much history.
        shard: which part of the series, of `shards`.
        shards: how many parts there are.
        metric: only this one; all when empty. One at a time keeps memory to one metric's history.
    """
    known = read_known(lake, as_of, granularity, settings, shard, shards, metric)
    return known[has_history(known, granularity, settings)].reset_index(drop=True)


def has_history(known: pd.DataFrame, granularity: Granularity, settings: Settings) -> pd.Series:
    """Which rows are of a series with history enough to be forecast by that granularity."""
    least = known["metric"].map(lambda name: least_days(name, settings) if granularity == "day" else 1)
    enough: pd.Series = known.groupby("series_id")["ts"].transform("nunique") >= least
    return enough


def read_known(
    lake: Lake,
    as_of: datetime,
    granularity: Granularity,
    settings: Settings,
    shard: int = 0,
    shards: int = 1,
    metric: str = "",
) -> pd.DataFrame:
    """What was known at `as_of` of every series, however young; arguments and columns as of `read_demand`."""
    since = _since(as_of, granularity, settings)
    asked = {"since": since, "as_of": as_of, "shard": shard, "shards": shards, "metric": metric}
    if granularity == "hour":
        return read(lake, "demand_hourly", **asked)
    frame = read(lake, "demand_daily", **asked)
    cost = frame.loc[frame["metric"] == "cost", "series_id"]
    return frame.drop(index=cost.index[[bucket_of(name) % shards != shard for name in cost]]).reset_index(drop=True)


def least_days(metric: str, settings: Settings) -> int:
    """Days of history that a series of a metric needs before it is forecast by the day; younger ones are forecast by the hour."""
    return _LEAST_COST_DAYS if metric == "cost" else settings.min_daily_history


def read_panel(
    lake: Lake,
    as_of: datetime,
    granularity: Granularity,
    settings: Settings,
    shard: int = 0,
    shards: int = 1,
    metric: str = "",
) -> Panel | None:
    """The same as a panel; None where there is nothing to forecast."""
    from pipeline.forecasting.panel import from_frame

    frame = read_demand(lake, as_of, granularity, settings, shard, shards, metric)
    return None if frame.empty else from_frame(frame, granularity)


def _since(as_of: datetime, granularity: Granularity, settings: Settings) -> datetime:
    if granularity == "hour":
        return as_of - timedelta(hours=settings.history_hours)
    return as_of - timedelta(days=settings.history_days)
