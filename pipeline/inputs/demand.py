"""What models forecast: the p95 of each period's demand, and daily effective cost, as panels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.tables.money import COST_DAILY
from pipeline.tables.schema import Table, bucket_of
from pipeline.tables.usage import METRIC_DAILY, METRIC_HOURLY

if TYPE_CHECKING:
    from pipeline.forecasting.panel import Panel
    from pipeline.lake import Lake
    from pipeline.settings import Settings
    from pipeline.tables.columns import Granularity

# Imputed periods are left out: a model that knows a period is missing does better than one that takes a copy for a fact.
HOURLY = """
SELECT series_id, metric, unit, hour AS ts, p95 AS value
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND quality_flag <> 1 AND bucket % :shards = :shard
  AND (:metric = '' OR metric = :metric)
ORDER BY series_id, hour
"""
# A day of which less than half was observed says too little about its peak.
DAILY = """
SELECT series_id, metric, unit, ts, p95 AS value
FROM silver.metric_daily
WHERE ts >= :since AND ts < :as_of AND quality_flag = 0 AND bucket % :shards = :shard
  AND (:metric = '' OR metric = :metric)
ORDER BY series_id, ts
"""
COST = """
SELECT
  concat_ws('/', account, region, regexp_replace(lower(service), '[^a-z0-9._-]+', '-'), 'cost') AS series_id,
  'cost' AS metric, 'usd' AS unit, ts, cast(sum(cast(effective_usd AS decimal(38, 9))) AS double) AS value
FROM silver.cost_daily
WHERE ts >= :since AND ts < :as_of AND charge_category = 'Usage' AND currency = 'USD' AND effective_usd IS NOT NULL
GROUP BY 1, 2, 3, ts
ORDER BY series_id, ts
"""
METRICS = {
    "hour": """
SELECT DISTINCT metric FROM silver.metric_hourly
WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date)
""",
    "day": "SELECT DISTINCT metric FROM silver.metric_daily WHERE ts >= :since AND ts < :as_of",
}


def metrics(lake: Lake, as_of: datetime, granularity: Granularity, settings: Settings) -> list[str]:
    """The metrics that have demand to forecast; `cost` is one by the day."""
    found = lake.query(METRICS[granularity], {"since": _since(as_of, granularity, settings), "as_of": as_of})
    return sorted({*found["metric"].to_pylist(), *(["cost"] if granularity == "day" else [])})


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
) -> Any:
    """A long frame series_id, metric, unit, ts, value of what was known at `as_of`, for one shard of the series.

    Args:
        lake: where it is read.
        as_of: nothing that begins later is read.
        granularity: hours or days.
        settings: how much history.
        shard: which part of the series, of `shards`.
        shards: how many parts there are.
        metric: only this one; all when empty. One at a time keeps memory to one metric's history.
    """
    import pandas as pd

    bounds = {"since": _since(as_of, granularity, settings), "as_of": as_of, "shard": shard, "shards": shards, "metric": metric}
    if granularity == "hour":
        return lake.query(HOURLY, bounds).to_pandas()
    parts = []
    if metric != "cost":
        parts.append(lake.query(DAILY, bounds).to_pandas())
    if metric in ("", "cost"):
        cost = lake.query(COST, bounds).to_pandas()
        parts.append(cost[cost["series_id"].map(lambda name: bucket_of(name) % shards == shard).astype(bool)])
    frame = pd.concat(parts, ignore_index=True)
    # By the day only where there is history enough for it; younger series are forecast by the hour.
    days = frame.groupby("series_id")["ts"].transform("nunique")
    return frame[days >= settings.min_daily_history].reset_index(drop=True)


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
