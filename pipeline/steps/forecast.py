"""Publish the forecasts as of the interval's end, each segment by its champion."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import ConflictError, DataError, PartialError, ResourceError, SourceError
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
from pipeline.tables.arrow import TIMESTAMP
from pipeline.tables.columns import FEW_DAYS, FORECAST_OF, GRANULARITIES, STALE, Granularity
from pipeline.tables.forecasts import FORECAST, NOT_FORECAST
from pipeline.tables.schema import Scope, Table, buckets_of

log = logging.getLogger(__name__)
# How long the last good forecast of a segment that fails stands in for it.
KEPT = timedelta(days=7)
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
    parts: list[pa.Table] = []
    left_out: list[pd.DataFrame] = []
    failed: list[Failed] = []
    for granularity in GRANULARITIES:
        for metric in read_metrics(lake, interval.as_of, granularity, settings):
            try:
                part, without = _forecast_metric(metric, granularity, interval.as_of, lake, settings, shard, shards)
            except (ConflictError, MemoryError, ResourceError, SourceError):
                raise  # It is not the segment that failed: the task is tried again.
            except Exception as error:
                log.exception("%s by the %s could not be forecast", metric, granularity)
                kept = _read_last_good(metric, granularity, interval.as_of, lake, shard, shards)
                failed.append(Failed(metric, granularity, error, kept))
                continue
            left_out += without
            parts += [] if part is None else [part]
    if failed and not parts:
        raise DataError(f"{FORECAST.name} {interval}: all segments failed: {'; '.join(each.sentence for each in failed)}")
    if failed:
        parts = [conform(part, FORECAST, interval) for part in (*parts, *(each.kept for each in failed))]
    rows = pa.concat_tables(parts) if parts else FORECAST.empty()
    written = _publish(FORECAST, rows, interval, lake, shard, shards, also=[each.result for each in failed])
    some = [part for part in left_out if len(part)]
    missing = pd.concat(some, ignore_index=True) if some else NOT_FORECAST.empty()
    for reason, count in missing["reason"].value_counts().items():
        log.info("%d series are not forecast: %s", count, reason)
    _publish(NOT_FORECAST, missing, interval, lake, shard, shards)
    if failed:
        raise PartialError("; ".join(each.sentence for each in failed), written)
    return written


class Failed(NamedTuple):
    """A segment that could not be forecast, and the rows that stand in for it."""

    metric: str
    granularity: Granularity
    error: Exception
    kept: pa.Table

    @property
    def sentence(self) -> str:
        since = f"stale ones of {pc.max(self.kept['cutoff']).as_py():%Y-%m-%d}" if self.kept.num_rows else "none"
        reason = str(self.error).partition("\n")[0]
        what = f"{self.metric} by the {self.granularity} could not be forecast ({type(self.error).__name__}: {reason})"
        return f"{what}; its forecasts are {since}."

    @property
    def result(self) -> Result:
        """What is on record, and stands in the head of the report."""
        rule = f"{FORECAST_OF}({self.metric}, {self.granularity})"
        return Result("table", rule, "warning", success=False, rows=0, failed_rows=0, note=self.sentence)


def _read_last_good(metric: str, granularity: Granularity, as_of: datetime, lake: Lake, shard: int, shards: int) -> pa.Table:
    """What the segment's newest good forecast of the last week says of the time from `as_of` on, marked as stale."""
    within = (("bucket", buckets_of(shard, shards)), ("granularity", (granularity,)), ("metric", (metric,)))
    rows = lake.read(FORECAST, Scope("as_of", as_of - KEPT, as_of + timedelta(microseconds=1), within))
    rows = rows.filter(pc.not_equal(rows["tier"], STALE))
    rows = rows.filter(pc.equal(rows["as_of"], pc.max(rows["as_of"])))
    rows = rows.filter(pc.greater_equal(rows["ts"], pa.scalar(as_of, TIMESTAMP)))
    for name, value in (("as_of", pa.scalar(as_of, TIMESTAMP)), ("tier", pa.scalar(STALE))):
        rows = rows.set_column(rows.column_names.index(name), name, pa.repeat(value, rows.num_rows))
    return rows.drop_columns([FORECAST.partition])


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
    data = validate(conform(rows, table, interval), table, interval, lake, shard, shards, also=also)
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
