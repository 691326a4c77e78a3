"""Turn the published forecasts into the risk that capacity runs out."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pyarrow as pa

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
from pipeline.tables.capacity import CAPACITY_RISK, RISK_RELIABILITY

STEP = Step(
    role="publisher",
    reads=(
        "inputs.demand_daily",
        "inputs.demand_hourly",
        "inputs.forecasts_in_percent",
        "inputs.peaks",
        "inputs.resources",
        "gold.not_forecast",
    ),
    writes=("gold.capacity_risk", "gold.risk_reliability"),
)


def risk(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.capacity_risk` as of the interval's end, for every series measured in percent of its capacity.

    A series that is too new to be forecast has the level `unknown`.

    Beside them `gold.risk_reliability`: how the chances whose horizon ended in the interval came true.
    """
    forecasts = read_forecasts(lake, interval.as_of)
    table = CAPACITY_RISK
    too_new = read_too_new(lake, interval.as_of)
    parts = [conform(table.frame(unknown_risk(too_new, interval.as_of, settings.risk_quantile)), table, interval)]
    if not forecasts.empty:
        past = _past(forecasts, interval.as_of, lake, settings)
        judged = assess(forecasts, interval.as_of, past, settings.risk_quantile).assign(reason=None)
        parts.append(conform(judged[[*table.names]], table, interval))
    data = validate(pa.concat_tables(parts), table, interval, lake)
    _judge(interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows


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
    return compare(forecasts, moment, _past(forecasts, moment, lake, settings, change), settings.risk_quantile, change)


def _past(forecasts: pd.DataFrame, as_of: datetime, lake: Lake, settings: Settings, change: Change = NO_CHANGE) -> Past:
    """What was known of the series of some forecasts when they were made, for them as they are and as they would be."""
    limits = {*NO_CHANGE.limits(), *change.limits()}
    return Past(
        surprises=_surprises(forecasts, tuple(limits), as_of, lake, settings),
        peak_pct=read_peaks(lake, as_of),
        criticality=weigh_criticality(forecasts["series_id"].unique(), read_criticality(lake, as_of)),
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
