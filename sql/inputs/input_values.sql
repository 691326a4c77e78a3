-- inputs.input_values: the days of every series whose distribution is compared with an earlier one's.
--
-- Reads   silver.metric_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
SELECT
  series_id AS series_id,
  metric AS metric,
  ts AS ts,
  coalesce(p95, mean) AS value
FROM silver.metric_daily
WHERE ts >= :since AND ts < :as_of AND coalesce(p95, mean) IS NOT NULL
ORDER BY series_id, ts
