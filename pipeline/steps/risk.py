"""Turn the published forecasts into the risk that capacity runs out."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from pipeline import quality, surprise, tables
from pipeline import risk as model
from pipeline.errors import ConfigError, DataError
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.settings import Settings
from pipeline.steps.demand import read_panel

FORECASTS = """
SELECT series_id, metric, granularity, ts, quantile, value
FROM gold.forecast
WHERE as_of = :as_of AND unit = 'percent'
ORDER BY series_id, ts, quantile
"""
PEAKS = """
SELECT series_id, max(max) AS peak
FROM silver.metric_daily
WHERE ts < :as_of AND unit = 'percent'
GROUP BY series_id
"""
CRITICALITY = """
SELECT account, region, resource_id, max_by(criticality, ts) AS criticality
FROM silver.resource
WHERE ts < :as_of AND criticality IS NOT NULL
GROUP BY account, region, resource_id
"""
# Shares of capacity whose crossing has a chance: high, very high, saturated.
THRESHOLDS_PCT = (80.0, 90.0, 100.0)
# How much a resource's criticality counts.
WEIGHTS = {"high": 1.0, "medium": 0.6, "low": 0.3}


def risk(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.capacity_risk` as of the interval's end, for every series measured in percent of its capacity.

    Beside them `gold.risk_reliability`: how the chances whose horizon ended in the interval came true.
    """
    forecasts = lake.query(FORECASTS, {"as_of": interval.as_of}).to_pandas()
    table = tables.CAPACITY_RISK
    if forecasts.empty:
        rows = table.arrow_schema.empty_table().to_pandas()
    else:
        surprises = _surprises(forecasts, tuple(_limits()), interval.as_of, lake, settings)
        rows = _assess(forecasts, interval.as_of, lake, settings, surprises)[[c.name for c in table.columns]]
    data = quality.validate(quality.conform(rows, table, interval), table, interval, lake)
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
    moment = as_of or lake.query("SELECT max(as_of) AS as_of FROM gold.forecast").to_pylist()[0]["as_of"]
    forecasts = lake.query(FORECASTS, {"as_of": moment}).to_pandas() if moment else pd.DataFrame({"series_id": []})
    if resource:
        forecasts = forecasts[forecasts["series_id"].str.rsplit("/", n=1).str[0].str.endswith(f"/{resource}")]
    if forecasts.empty:
        of = f" of {resource}" if resource else ""
        raise DataError(f"gold.forecast: no forecasts in percent{of} as of {moment or 'any day'}; run `forecast` first")
    key = ["series_id", "granularity", "threshold_pct"]
    shown = ["risk_level", "p_cross_7d", "p_cross_30d", "p_cross_90d", "headroom_ratio"]
    growth = 1 + growth_pct / 100
    # Both are answered from one reading of the past.
    surprises = _surprises(forecasts, tuple({*_limits(), *_limits(growth, resize)}), moment, lake, settings)
    now = _assess(forecasts, moment, lake, settings, surprises)[[*key, *shown]]
    then = _assess(forecasts, moment, lake, settings, surprises, growth, resize)
    both = then[["priority", "first_crossing_at", *key, *shown]].merge(now, on=key, suffixes=("", "_now"))
    columns = [*key, "first_crossing_at", *(name for one in shown for name in (f"{one}_now", one))]
    return both.sort_values(["priority", *key], ascending=[False, True, True, True], ignore_index=True)[columns]


def _limits(growth: float = 1.0, resize: float = 1.0) -> dict[float, float]:
    """Share of today's capacity → the threshold that is then crossed by what crosses it today."""
    return {threshold * resize / growth: threshold for threshold in THRESHOLDS_PCT}


def _assess(
    forecasts: pd.DataFrame,
    as_of: datetime,
    lake: Lake,
    settings: Settings,
    surprises: pd.DataFrame,
    growth: float = 1.0,
    resize: float = 1.0,
) -> pd.DataFrame:
    """Risk of every series of some forecasts in percent, with demand and capacity multiplied."""
    limits = _limits(growth, resize)
    by_day = surprise.rates([surprises[surprises["limit"].isin(limits)]]).rename(columns=limits)
    peaks = lake.query(PEAKS, {"as_of": as_of}).to_pandas().set_index("series_id")["peak"]
    weights = _criticality(forecasts["series_id"].unique(), lake.query(CRITICALITY, {"as_of": as_of}).to_pandas())
    return pd.concat(
        model.capacity_risk(
            part.assign(value=part["value"] * growth),
            pd.Series(100.0 * resize, index=part["series_id"].unique()),
            None,
            as_of,
            THRESHOLDS_PCT,
            quantile=settings.risk_quantile,
            criticality=weights,
            historic_peak_pct=peaks * (growth / resize),
            surprises=by_day if granularity == "day" else None,
        ).assign(granularity=granularity, as_of=as_of)
        for granularity, part in forecasts.groupby("granularity")
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
    table = tables.RISK_RELIABILITY
    rows = lake.query(sql.text(table.name), {"start": interval.start, "end": interval.end})
    if not rows.num_rows and not lake.read(table, table.scope(interval), table.key).num_rows:
        return
    data = quality.validate(quality.conform(rows, table, interval), table, interval, lake)
    lake.replace(table, data, table.scope(interval))


def _criticality(series: object, resources: pd.DataFrame) -> pd.Series:
    names = pd.Series(series).astype(str)
    keys = names.str.rsplit("/", n=1).str[0]
    resource = resources["account"] + "/" + resources["region"] + "/" + resources["resource_id"]
    weights = pd.Series(resources["criticality"].str.lower().map(WEIGHTS).to_numpy(), index=resource)
    return pd.Series(keys.map(weights).to_numpy(), index=names)
