"""Publish the forecasts as of the interval's end, each segment by its champion."""

from __future__ import annotations

import logging
from datetime import datetime

import pandas as pd
import pyarrow as pa

from pipeline.forecasting.panel import from_frame
from pipeline.forecasting.rows import drop_ended, forecast_rows
from pipeline.forecasting.spec import NONE
from pipeline.inputs.demand import read_demand, read_metrics
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.registry.champion import read_champion
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.tables.columns import GRANULARITIES, Granularity
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.schema import buckets_of

log = logging.getLogger(__name__)
STEP = Step(role="publisher", sharded=True, writes=("gold.forecast",))


def forecast(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.forecast` as of the interval's end, for one shard of the series."""
    parts = []
    for granularity in GRANULARITIES:
        for metric in read_metrics(lake, interval.as_of, granularity, settings):
            demand = read_demand(lake, interval.as_of, granularity, settings, shard, shards, metric)
            part = None if demand.empty else _forecast_segment(demand, granularity, interval.as_of, lake, settings)
            if part is not None:
                parts.append(part)
    table = FORECAST
    rows = pa.concat_tables(parts) if parts else table.empty()
    data = validate(conform(rows, table, interval), table, interval, lake, shard, shards)
    return lake.replace(table, data, table.scope(interval, bucket=buckets_of(shard, shards))).rows


def _forecast_segment(
    demand: pd.DataFrame, granularity: Granularity, as_of: datetime, lake: Lake, settings: Settings
) -> pa.Table | None:
    """One metric's series, forecast by the segment's champion; series that have ended are left out and counted."""
    metric, unit_of = str(demand["metric"].iloc[0]), demand.groupby("series_id")["unit"].first()
    panel = from_frame(demand, granularity)
    alive = drop_ended(panel, as_of)
    if ended := len(panel) - len(alive):
        log.info("%d of %d series of %s by the %s have ended and are not forecast", ended, len(panel), metric, granularity)
    if not len(alive):
        return None
    champion = read_champion(settings, lake, metric, granularity, as_of)
    served = f"version {champion.version}" if champion.version != NONE else "no champion yet"
    log.info("%s by the %s: %d series by %s (%s)", metric, granularity, len(alive), champion.forecaster, served)
    periods = settings.horizon_hours if granularity == "hour" else settings.horizon_days
    return forecast_rows(alive, unit_of.loc[alive.series_id.tolist()].tolist(), as_of, periods, champion)
