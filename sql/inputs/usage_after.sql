-- inputs.usage_after: how much instances were used, hour by hour, in the days after an answer.
--
-- Reads   silver.metric_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC
-- Window  0 days
--
-- As in inputs.usage, but only what tells whether a change would have been missed; imputed hours are left out.
SELECT
  account AS account, region AS region, resource_id AS resource_id, metric AS metric, hour AS hour,
  CASE WHEN unit = 'percent' THEN least(mean, 100e0) ELSE mean END AS mean,
  CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS p95,
  CASE WHEN unit = 'percent' THEN least(max, 100e0) ELSE max END AS max,
  samples AS samples, expected_samples AS expected_samples,
  quality_flag AS quality_flag
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  AND metric IN ('cpu_utilization', 'memory_utilization', 'network_in', 'network_out')
  AND quality_flag <> 1
ORDER BY account, region, resource_id, metric, hour
