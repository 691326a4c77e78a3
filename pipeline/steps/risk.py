"""Turn the published forecasts into the risk that capacity runs out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.capacity import surprise
from pipeline.capacity.crossing import unknown_risk
from pipeline.capacity.what_if import NO_CHANGE, Change, Past, assess, compare, weigh_criticality
from pipeline.errors import ConfigError, DataError
from pipeline.inputs.demand import read_panel
from pipeline.inputs.risk import forecast_as_of, read_criticality, read_forecasts, read_peaks, read_too_new
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.quality.conform import conform
from pipeline.quality.validate import validate
from pipeline.settings import Settings
from pipeline.steps._declaration import Step
from pipeline.steps._segments import SegmentName, end_as_partial, newest, read_last_good, refuse_if_all, set_all, try_each
from pipeline.tables.capacity import CAPACITY_RISK, RISK_RELIABILITY
from pipeline.tables.columns import GRANULARITIES, STALE

STEP = Step(
    role="publisher",
    reads=(
        "inputs.demand_daily",
        "inputs.demand_hourly",
        "inputs.forecasts_in_percent",
        "inputs.peaks",
        "inputs.resources",
        "gold.capacity_risk",
        "gold.not_forecast",
    ),
    writes=("gold.capacity_risk", "gold.risk_reliability"),
)


def risk(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.capacity_risk` as of the interval's end, for every series measured in percent of its capacity.

    A series that is too new to be forecast has the level `unknown`.

    Beside them `gold.risk_reliability`: how the chances whose horizon ended in the interval came true.

    Raises:
        PartialError: some metrics could not be judged, and have the risks of at most a week before, whose reason says so.
        DataError: none could; nothing was published.
    """
    forecasts = read_forecasts(lake, interval.as_of)
    table = CAPACITY_RISK
    too_new = read_too_new(lake, interval.as_of)
    unknown = conform(table.frame(unknown_risk(too_new, interval.as_of, settings.risk_quantile)), table, interval)
    by_segment = {
        SegmentName(str(metric), by): rows
        for by in GRANULARITIES
        for metric, rows in forecasts[forecasts["granularity"] == by].groupby("metric", sort=True)
    }
    kept: list[pa.Table] = []
    known = _read_known(interval.as_of, lake)

    def judge(segment: SegmentName) -> pa.Table:
        part = by_segment[segment]
        past = _past(part, interval.as_of, lake, settings, known)
        judged = assess(part, interval.as_of, past, settings.risk_quantile).assign(reason=None)
        return conform(judged[[*table.names]], table, interval)

    def stand_in(segment: SegmentName) -> str:
        rows, since = _read_last_good(segment, interval, lake)
        kept.append(rows)
        return f"its risks are {f'stale ones of {since}' if since else 'none'}"

    found, failed = try_each(by_segment, judge, "could not be judged", stand_in)
    refuse_if_all(failed, done=bool(found), where=f"{table.name} {interval}")
    parts = [unknown, *found, *(conform(each, table, interval) for each in kept)]
    data = validate(pa.concat_tables(parts), table, interval, lake, also=[each.result for each in failed])
    _judge(interval, lake)
    return end_as_partial(failed, lake.replace(table, data, table.scope(interval)).rows)


def _read_last_good(segment: SegmentName, interval: Interval, lake: Lake) -> tuple[pa.Table, str]:
    """The segment's newest good risks of the last week, each with a reason that says how old it is, and their day."""
    rows = read_last_good(CAPACITY_RISK, segment, interval, lake)
    rows = newest(rows.filter(pc.is_null(rows["reason"]))).drop_columns([CAPACITY_RISK.partition])
    day = f"{rows['as_of'][0].as_py() - timedelta(microseconds=1):%Y-%m-%d}" if rows.num_rows else ""
    return set_all(rows, as_of=interval.as_of, reason=f"{STALE}: of {day}, for what was known since could not be judged"), day


def what_if(
    lake: Lake, settings: Settings, growth_pct: float, resize: float, resource: str = "", as_of: datetime | None = None
) -> pd.DataFrame:
    """The risk if demand grew and capacity changed; nothing is published.

    A forecast in percent ends at 100: demand that is turned away today is not in it, whatever the new capacity.

    Args:
        lake: where forecasts are read.
        settings: the quantile whose crossing is dated.
        growth_pct: demand grows by so many percent, above -100.
        resize: capacity is multiplied by this, above 0.
        resource: only series of this resource_id; all when empty.
        as_of: of the forecasts; the newest when None.

    Returns:
        One row per series, granularity and threshold, the highest priority first: level, chances and headroom as they
        are (`*_now`) and as they would be.

    Raises:
        ConfigError: growth or resize out of bounds.
        DataError: no forecasts.
    """
    if growth_pct <= -100 or resize <= 0:
        raise ConfigError(f"growth lies above -100 percent and resize above 0, got {growth_pct:g} and {resize:g}")
    moment = as_of or forecast_as_of(lake)
    forecasts = read_forecasts(lake, moment) if moment else pd.DataFrame({"series_id": []})
    if resource:
        forecasts = forecasts[forecasts["series_id"].str.rsplit("/", n=1).str[0].str.endswith(f"/{resource}")]
    if moment is None or forecasts.empty:
        of = f" of {resource}" if resource else ""
        raise DataError(f"gold.forecast: no forecasts in percent{of} as of {moment or 'any day'}; run `forecast` first")
    change = Change(growth=1 + growth_pct / 100, resize=resize)
    past = _past(forecasts, moment, lake, settings, _read_known(moment, lake), change)
    return compare(forecasts, moment, past, settings.risk_quantile, change)


class _Known(NamedTuple):
    """What is known of all series: the highest sample of each in percent, and the resources that have a criticality."""

    peaks: pd.Series
    labels: pd.DataFrame


def _read_known(as_of: datetime, lake: Lake) -> _Known:
    return _Known(read_peaks(lake, as_of), read_criticality(lake, as_of))


def _past(
    forecasts: pd.DataFrame, as_of: datetime, lake: Lake, settings: Settings, known: _Known, change: Change = NO_CHANGE
) -> Past:
    """What was known of the series of some forecasts when they were made, for them as they are and as they would be."""
    limits = {*NO_CHANGE.limits(), *change.limits()}
    return Past(
        surprises=_surprises(forecasts, tuple(limits), as_of, lake, settings),
        peak_pct=known.peaks,
        criticality=weigh_criticality(forecasts["series_id"].unique(), known.labels),
    )


def _surprises(
    forecasts: pd.DataFrame, limits: tuple[float, ...], as_of: datetime, lake: Lake, settings: Settings
) -> pd.DataFrame:
    """Surprises by metric and limit, counted in all the days that forecasts by the day are made from, a shard at a time."""
    panels = (
        read_panel(lake, as_of, "day", settings, shard, settings.shards, metric)
        for metric in sorted(forecasts.loc[forecasts["granularity"] == "day", "metric"].unique())
        for shard in range(settings.shards)
    )
    counts = [surprise.count(panel.take(panel.upper == 100.0), limits) for panel in panels if panel is not None]
    return pd.concat(counts) if counts else pd.DataFrame(columns=surprise.COUNTED)


def _judge(interval: Interval, lake: Lake) -> None:
    """Publish how the chances whose horizon ended in the interval came true."""
    table = RISK_RELIABILITY
    rows = lake.query(sql.text(table.name), {"start": interval.start, "end": interval.end})
    if not rows.num_rows and not lake.read(table, table.scope(interval), table.key).num_rows:
        return
    data = validate(conform(rows, table, interval), table, interval, lake)
    lake.replace(table, data, table.scope(interval))
