"""The estate as recommenders see it, read from the lake."""

from __future__ import annotations

from datetime import timedelta

from pipeline.advice.estate import Estate
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings

RESOURCES = """
WITH ranked AS (
  SELECT account, region, resource_id, service, instance_type, state, launched_at, tags_json,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY ts DESC) AS recency
  FROM silver.resource
  WHERE ts >= :since AND ts < :as_of
)
SELECT account, region, resource_id, service, instance_type, state, launched_at, tags_json AS tags
FROM ranked WHERE recency = 1
ORDER BY account, region, resource_id
"""
USAGE = """
SELECT account, region, resource_id, metric, hour, mean, p95, max, samples, quality_flag
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date)
ORDER BY account, region, resource_id, metric, hour
"""
PRICES = """
WITH ranked AS (
  SELECT service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, coremark, burstable, hypervisor,
    gpu, instance_store, ts AS price_as_of,
    row_number() OVER (PARTITION BY service, region, item, unit ORDER BY ts DESC, ingested_at DESC, load_id DESC) AS recency
  FROM bronze.price
  WHERE day <= cast(:as_of AS date) AND ts < :as_of
)
SELECT service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, coremark, burstable, hypervisor,
  gpu, instance_store, price_as_of
FROM ranked WHERE recency = 1
ORDER BY service, region, item, unit
"""
# A larger type does not prevent incidents: their share, of three times 30 days, is taken out of the chance.
RISK = """
SELECT as_of, series_id, metric, granularity, threshold_pct, quantile, p_cross_7d, p_cross_30d,
  greatest(0e0, 1 - (1 - p_cross_90d) / power(1 - coalesce(p_surprise_30d, 0e0), 3)) AS p_cross_90d,
  capacity, peak_p95, headroom_ratio, risk_level
FROM gold.capacity_risk
WHERE as_of = :as_of
ORDER BY series_id, granularity, threshold_pct
"""


def read_estate(interval: Interval, lake: Lake, settings: Settings) -> Estate:
    """What was known about the estate at the interval's end."""
    window = {"since": interval.as_of - timedelta(days=settings.lookback_days), "as_of": interval.as_of}
    return Estate(
        as_of=interval.as_of,
        lookback_days=settings.lookback_days,
        resources=lake.query(RESOURCES, window).to_pandas(),
        usage=lake.query(USAGE, window).to_pandas(),
        prices=lake.query(PRICES, window).to_pandas(),
        risk=lake.query(RISK, window).to_pandas(),
    )
