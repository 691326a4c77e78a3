-- views.demand_hourly: demand by the hour: what is forecast, scored and searched for anomalies, one row per series and hour.
--
-- Reads   silver.metric_hourly
--
-- `value` is the p95 of the hour, at most 100 of a percentage, null where a source gives none. Imputed hours are left out: a model that knows an hour is
-- missing does better than one that takes a copy for a fact. Filter by `day` beside `ts`: it prunes files.
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  'hour' AS granularity,
  hour AS ts,
  CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS value,
  day AS day,
  bucket AS bucket
FROM silver.metric_hourly
WHERE quality_flag <> 1
