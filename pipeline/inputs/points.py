"""The points that detectors score."""

from __future__ import annotations

POINTS = """
SELECT series_id, account, region, resource_id, metric, unit, hour AS ts, p95 AS value
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :end AND day >= cast(:since AS date) AND quality_flag <> 1 AND p95 IS NOT NULL
  AND bucket % :shards = :shard
ORDER BY series_id, hour
"""
