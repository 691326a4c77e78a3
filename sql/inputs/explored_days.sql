-- inputs.explored_days: what each resource did by the day, of every metric, as it was observed.
--
-- Reads   silver.metric_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
--
-- The day's p95, or its mean where a source gives no more. `complete` is the share of the day that was observed.
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  ts AS ts,
  coalesce(p95, mean) AS value,
  quality_score AS complete
FROM silver.metric_daily
WHERE ts >= :since AND ts < :as_of AND coalesce(p95, mean) IS NOT NULL
ORDER BY metric, account, region, resource_id, ts
