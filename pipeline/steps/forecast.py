"""Publish the forecasts of one shard of the series, each segment by its champion."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline import plugs, quality, tables
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.panel import STEP, Granularity, Panel
from pipeline.schema import buckets_of
from pipeline.settings import Settings

log = logging.getLogger(__name__)

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
# A series that has been silent for longer has ended: nobody plans capacity for it.
SILENT = {"hour": timedelta(days=3), "day": timedelta(days=14)}


def forecast(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.forecast` as of the interval's end, for one shard of the series."""
    from pipeline.steps.demand import read_demand

    frames = []
    granularities: tuple[Granularity, ...] = ("hour", "day")
    for granularity in granularities:
        demand = read_demand(lake, interval.as_of, granularity, settings, shard, shards)
        if not demand.empty:
            frames += _segments(demand, granularity, interval.as_of, lake, settings)
    table = tables.FORECAST
    empty = table.arrow_schema.empty_table().to_pandas()
    data = quality.conform(pd.concat(frames) if frames else empty, table, interval)
    data = quality.validate(data, table, interval, lake, shard, shards)
    return lake.replace(table, data, table.scope(interval, bucket=buckets_of(shard, shards))).rows


def _segments(demand: Any, granularity: Granularity, as_of: datetime, lake: Lake, settings: Settings) -> list[Any]:
    """One frame per metric, each forecast by the segment's champion; series that have ended are left out and counted."""
    from pipeline.panel import from_frame
    from pipeline.registry import champion

    units = demand.groupby("series_id")["unit"].first()
    panel = from_frame(demand, granularity)
    alive = panel.end >= np.datetime64(as_of - SILENT[granularity], "us")
    if not alive.all():
        log.info("%d of %d %sly series have ended and are not forecast", (~alive).sum(), len(panel), granularity)
    frames = []
    for metric in np.unique(panel.metric[alive]):
        segment = panel.take(np.flatnonzero(alive & (panel.metric == metric)))
        serving = champion(settings, lake, str(metric), granularity, as_of)
        frame = forecast_segment(segment, serving.forecaster, as_of, settings, serving.params)
        frames.append(frame.assign(unit=frame["series_id"].map(units), model_version=serving.version))
    return frames


def forecast_segment(
    panel: Panel, forecaster: str, as_of: datetime, settings: Settings, parameters: dict[str, Any] | None = None
) -> Any:
    """Forecasts of one segment from `as_of` on, as rows of `gold.forecast` without unit and version.

    A series whose last samples are late is forecast across the gap, and the part that lies before `as_of` is left out.
    """
    from pipeline.forecasters._fallback import tier

    step = STEP[panel.step]
    wanted = settings.horizon_hours if panel.step == "hour" else settings.horizon_days
    first = np.datetime64(as_of, "us")
    late = int(max((first - panel.end).max() // step, 1)) - 1
    horizon = wanted + late
    values = plugs.load("forecasters", forecaster).forecast(panel, horizon, QUANTILES, **(parameters or {}))
    ts = panel.future(horizon)
    rows, columns = np.nonzero((ts >= first) & (ts < first + wanted * step))
    count, levels = len(rows), len(QUANTILES)
    return pd.DataFrame(
        {
            "as_of": np.full(count * levels, first),
            "series_id": np.repeat(panel.series_id[rows], levels),
            "metric": np.repeat(panel.metric[rows], levels),
            "granularity": panel.step,
            "ts": np.repeat(ts[rows, columns], levels),
            "quantile": np.tile(QUANTILES, count),
            "value": values[rows, columns].ravel(),
            "model": forecaster,
            "tier": np.repeat(tier(panel)[rows], levels),
            "cutoff": np.repeat(panel.end[rows], levels),
        }
    )
