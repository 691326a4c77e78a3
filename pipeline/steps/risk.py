"""Turn the published forecasts into the risk that capacity runs out."""

from __future__ import annotations

import pandas as pd

from pipeline import quality, tables
from pipeline import risk as model
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from pipeline.settings import Settings

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
# How much a resource's criticality counts.
WEIGHTS = {"high": 1.0, "medium": 0.6, "low": 0.3}


def risk(interval: Interval, lake: Lake, settings: Settings) -> int:
    """Rows of `gold.capacity_risk` as of the interval's end, for every series measured in percent of its capacity."""
    as_of = {"as_of": interval.as_of}
    forecasts = lake.query(FORECASTS, as_of).to_pandas()
    table = tables.CAPACITY_RISK
    if forecasts.empty:
        rows = table.arrow_schema.empty_table().to_pandas()
    else:
        peaks = lake.query(PEAKS, as_of).to_pandas().set_index("series_id")["peak"]
        weights = _criticality(forecasts["series_id"].unique(), lake.query(CRITICALITY, as_of).to_pandas())
        rows = pd.concat(
            model.capacity_risk(
                part,
                pd.Series(100.0, index=part["series_id"].unique()),
                None,
                interval.as_of,
                quantile=settings.risk_quantile,
                criticality=weights,
                historic_peak_pct=peaks,
            ).assign(granularity=granularity, as_of=interval.as_of)
            for granularity, part in forecasts.groupby("granularity")
        )
        rows = rows[[c.name for c in table.columns]]
    data = quality.validate(quality.conform(rows, table, interval), table, interval, lake)
    _judge(interval, lake)
    return lake.replace(table, data, table.scope(interval)).rows


def _judge(interval: Interval, lake: Lake) -> None:
    """Publish how the chances whose horizon ended in the interval came true."""
    table = tables.RISK_RELIABILITY
    rows = lake.query(sql.text(table.name), {"start": interval.start, "end": interval.end})
    data = quality.validate(quality.conform(rows, table, interval), table, interval, lake)
    lake.replace(table, data, table.scope(interval))


def _criticality(series: object, resources: pd.DataFrame) -> pd.Series:
    names = pd.Series(series).astype(str)
    keys = names.str.rsplit("/", n=1).str[0]
    resource = resources["account"] + "/" + resources["region"] + "/" + resources["resource_id"]
    weights = pd.Series(resources["criticality"].str.lower().map(WEIGHTS).to_numpy(), index=resource)
    return pd.Series(keys.map(weights).to_numpy(), index=names)
