"""Publish the forecasts as of the interval's end, each segment by its champion."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.forecasting.panel import Panel, from_frame
from pipeline.forecasting.rows import forecast_rows, not_forecast_rows, why_not
from pipeline.forecasting.spec import NONE
from pipeline.inputs.demand import has_history, read_known, read_metrics
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.quality.validate import Result, validate
from pipeline.registry.champion import read_champion
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._segments import SegmentName, end_as_partial, newest, read_last_good, refuse_if_all, set_all, try_each
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import FEW_DAYS, GRANULARITIES, STALE, Granularity
from pipeline.tables.forecasts import FORECAST, NOT_FORECAST
from pipeline.tables.schema import Table, buckets_of

log = logging.getLogger(__name__)
STEP = Step(
    role="publisher",
    sharded=True,
    reads=("inputs.demand_daily", "inputs.demand_hourly", "gold.promotion", "gold.forecast"),
    writes=("gold.forecast", "gold.not_forecast"),
)


def forecast(interval: Interval, lake: Lake, settings: Settings, *, shard: int = 0, shards: int = 1) -> int:
    """Rows of `gold.forecast` as of the interval's end, for one shard of the series; `gold.not_forecast` lists the rest.

    Raises:
        PartialError: some segments failed, and have their last good rows, marked as stale; all others are published.
        DataError: all segments failed; nothing was published.
    """
    kept: list[pa.Table] = []

    def stand_in(segment: SegmentName) -> str:
        kept.append(_read_last_good(segment, interval, lake, shard, shards))
        since = f"stale ones of {pc.max(kept[-1]['cutoff']).as_py():%Y-%m-%d}" if kept[-1].num_rows else "none"
        return f"its forecasts are {since}"

    found, failed = try_each(
        (SegmentName(metric, by) for by in GRANULARITIES for metric in read_metrics(lake, interval.as_of, by, settings)),
        lambda segment: _forecast_metric(*segment, interval.as_of, lake, settings, shard, shards),
        "could not be forecast",
        stand_in,
    )
    parts = [part for part, _ in found if part is not None]
    refuse_if_all(failed, done=bool(parts), where=f"{FORECAST.name} {interval}")
    if failed:
        parts = [conform(part, FORECAST, interval) for part in (*parts, *kept)]
    rows = pa.concat_tables(parts) if parts else FORECAST.empty()
    written = _publish(FORECAST, rows, interval, lake, shard, shards, also=[each.result for each in failed])
    some = [part for _, left_out in found for part in left_out if len(part)]
    missing = pd.concat(some, ignore_index=True) if some else NOT_FORECAST.empty()
    for reason, count in missing["reason"].value_counts().items():
        log.info("%d series are not forecast: %s", count, reason)
    _publish(NOT_FORECAST, missing, interval, lake, shard, shards)
    return end_as_partial(failed, written)


def _read_last_good(segment: SegmentName, interval: Interval, lake: Lake, shard: int, shards: int) -> pa.Table:
    """What the segment's newest good forecast of the last week says of the time from the interval's end on, marked as stale."""
    rows = read_last_good(FORECAST, segment, interval, lake, (("bucket", buckets_of(shard, shards)),))
    rows = newest(rows.filter(pc.not_equal(rows["tier"], STALE)))
    rows = rows.filter(pc.greater_equal(rows["ts"], pa.scalar(interval.as_of, TIMESTAMP)))
    return set_all(rows, as_of=interval.as_of, tier=STALE).drop_columns([FORECAST.partition])


def _publish(
    table: Table,
    rows: pa.Table | pd.DataFrame,
    interval: Interval,
    lake: Lake,
    shard: int,
    shards: int,
    also: Sequence[Result] = (),
) -> int:
    scope = table.scope(interval, bucket=buckets_of(shard, shards))
    data = validate(conform(rows, table, interval), table, interval, lake, (shard, shards), also=also)
    return lake.replace(table, data, scope).rows


def _forecast_metric(
    metric: str, granularity: Granularity, as_of: datetime, lake: Lake, settings: Settings, shard: int, shards: int
) -> tuple[pa.Table | None, list[pd.DataFrame]]:
    """One segment: its forecasts, if any of its series has enough history, and the series that have none with the reason."""
    known = read_known(lake, as_of, granularity, settings, shard, shards, metric)
    if known.empty:
        return None, []
    enough = has_history(known, granularity, settings)
    young = _young(known[~enough], granularity, as_of)
    if not enough.any():
        return None, [young]
    part, ended = _forecast_segment(known[enough], granularity, as_of, lake, settings)
    return part, [young, ended]


def _forecast_segment(
    demand: pd.DataFrame, granularity: Granularity, as_of: datetime, lake: Lake, settings: Settings
) -> tuple[pa.Table | None, pd.DataFrame]:
    """One metric's series, forecast by what serves the segment, and those that are not forecast with the reason."""
    metric, panel = str(demand["metric"].iloc[0]), from_frame(demand, granularity)
    reasons = why_not(panel, as_of)
    left_out = _left_out(panel.take(reasons != ""), demand, as_of, reasons[reasons != ""].tolist())
    alive = panel.take(reasons == "")
    if not len(alive):
        return None, left_out
    champion = read_champion(settings, lake, metric, granularity, as_of)
    served = f"version {champion.version}" if champion.version != NONE else "not registered"
    named = metric, granularity, len(alive), champion.forecaster, served, champion.soundness
    log.info("%s by the %s: %d series by %s (%s, %s)", *named)
    periods = settings.horizon_hours if granularity == "hour" else settings.horizon_days
    return forecast_rows(alive, _units(alive, demand), as_of, periods, champion), left_out


def _young(demand: pd.DataFrame, granularity: Granularity, as_of: datetime) -> pd.DataFrame:
    """The series whose history is shorter than the settings ask for."""
    if demand.empty:
        return NOT_FORECAST.empty()
    panel = from_frame(demand, granularity)
    return _left_out(panel, demand, as_of, np.where(why_not(panel, as_of) == "", FEW_DAYS, why_not(panel, as_of)).tolist())


def _left_out(panel: Panel, demand: pd.DataFrame, as_of: datetime, reasons: list[str]) -> pd.DataFrame:
    return not_forecast_rows(panel, _units(panel, demand), as_of, reasons)


def _units(panel: Panel, demand: pd.DataFrame) -> list[str]:
    unit_of = demand.groupby("series_id")["unit"].first()
    units: list[str] = unit_of.loc[panel.series_id.tolist()].tolist()
    return units
