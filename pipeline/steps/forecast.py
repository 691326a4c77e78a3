"""Publish the forecasts of one shard of the series, each segment by its champion."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.forecasting import spec
from pipeline.forecasting.panel import STEP, Panel, from_frame
from pipeline.inputs.demand import metrics, read_demand
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.registry.champion import read_champion
from pipeline.settings import Settings
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import GRANULARITIES, QUANTILES, Granularity
from pipeline.tables.forecasts import FORECAST
from pipeline.tables.schema import bucket_of, buckets_of

log = logging.getLogger(__name__)

# A series that has been silent for longer has ended: nobody plans capacity for it.
SILENT = {"hour": timedelta(days=3), "day": timedelta(days=14)}


def forecast(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.forecast` as of the interval's end, for one shard of the series."""
    parts = []
    for granularity in GRANULARITIES:
        for metric in metrics(lake, interval.as_of, granularity, settings):
            demand = read_demand(lake, interval.as_of, granularity, settings, shard, shards, metric)
            part = None if demand.empty else _segment(demand, granularity, interval.as_of, lake, settings)
            if part is not None:
                parts.append(part)
    table = FORECAST
    rows = pa.concat_tables(parts) if parts else table.empty()
    data = validate(conform(rows, table, interval), table, interval, lake, shard, shards)
    return lake.replace(table, data, table.scope(interval, bucket=buckets_of(shard, shards))).rows


def _segment(demand: Any, granularity: Granularity, as_of: datetime, lake: Lake, settings: Settings) -> pa.Table | None:
    """One metric's series, forecast by the segment's champion; series that have ended are left out and counted."""
    metric, unit_of = str(demand["metric"].iloc[0]), demand.groupby("series_id")["unit"].first()
    panel = from_frame(demand, granularity)
    alive = panel.end >= np.datetime64(as_of - SILENT[granularity], "us")
    if not alive.all():
        log.info(
            "%d of %d series of %s by the %s have ended and are not forecast", (~alive).sum(), len(panel), metric, granularity
        )
    if not alive.any():
        return None
    segment = panel.take(np.flatnonzero(alive))
    units = unit_of[segment.series_id].tolist()
    return forecast_segment(segment, units, as_of, settings, *read_champion(settings, lake, metric, granularity, as_of))


def forecast_segment(
    panel: Panel,
    units: list[str],
    as_of: datetime,
    settings: Settings,
    forecaster: str,
    version: str = "none",
    params: dict[str, Any] | None = None,
    overrides: dict[str, str] | None = None,
) -> pa.Table:
    """Forecasts of one segment from `as_of` on, as rows of `gold.forecast`.

    A series whose last samples are late is forecast across the gap, and the part that lies before `as_of` is left out.

    Args:
        panel: the segment's series.
        units: unit of each series.
        as_of: start of the first period published.
        settings: horizons.
        forecaster: plug that forecasts.
        version: its registered version.
        params: its tuning parameters.
        overrides: series → the forecaster that forecasts it instead.
    """
    from pipeline.forecasting.tier import tier

    step = STEP[panel.step]
    wanted = settings.horizon_hours if panel.step == "hour" else settings.horizon_days
    first = np.datetime64(as_of, "us")
    late = int(max((first - panel.end).max() // step, 1)) - 1
    horizon = wanted + late
    values, who = spec.forecast(panel, horizon, QUANTILES, forecaster, params or {}, overrides or {})
    ts = panel.future(horizon)
    rows, columns = np.nonzero((ts >= first) & (ts < first + wanted * step))
    levels = len(QUANTILES)
    series = np.repeat(rows, levels)
    one = np.zeros(len(series), dtype=np.int64)

    def text(words: list[str], which: npt.NDArray[np.int64]) -> pa.Array:
        # Each word is kept once: a million copies of a series' name would be most of the memory.
        return pa.DictionaryArray.from_arrays(pa.array(which, pa.int32()), pa.array(words, pa.string()))

    return pa.table(
        {
            "as_of": pa.array([as_of], TIMESTAMP).take(pa.array(one)),
            "series_id": text(panel.series_id.tolist(), series),
            "metric": text(panel.metric.tolist(), series),
            "unit": text(units, series),
            "granularity": text([panel.step], one),
            "ts": pa.array(np.repeat(ts[rows, columns], levels), TIMESTAMP),
            "quantile": np.tile(QUANTILES, len(rows)),
            "value": values[rows, columns].ravel(),
            "model": text(who.tolist(), series),
            "model_version": text([version], one),
            "tier": text(tier(panel).tolist(), series),
            "cutoff": pa.array(panel.end[series], TIMESTAMP),
            "bucket": np.array([bucket_of(name) for name in panel.series_id])[series],
        }
    )
