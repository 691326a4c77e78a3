"""What capacity risk is made from, read from the lake."""

from __future__ import annotations

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
