-- inputs.usage: how resources were used, hour by hour, as recommenders see it.
--
-- Reads   silver.metric_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC
-- Window  0 days
--
-- Imputed hours are here, with quality_flag 1: a rule counts what was observed and tells it from what was filled in.
SELECT
  account AS account, region AS region, resource_id AS resource_id, metric AS metric, hour AS hour,
  CASE WHEN unit = 'percent' THEN least(mean, 100e0) ELSE mean END AS mean,
  CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS p95,
  CASE WHEN unit = 'percent' THEN least(max, 100e0) ELSE max END AS max,
  samples AS samples, expected_samples AS expected_samples,
  quality_flag AS quality_flag
FROM silver.metric_hourly
WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
ORDER BY account, region, resource_id, metric, hour
