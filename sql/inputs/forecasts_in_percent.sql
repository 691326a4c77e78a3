-- inputs.forecasts_in_percent: one run's forecasts of what is measured in percent of its capacity.
--
-- Reads   gold.forecast
-- Params  :as_of   of the run
-- Window  0 days
--
-- One row per series, granularity, period and quantile. A series that is forecast by the hour and by the day stands here twice.
SELECT
  series_id AS series_id, metric AS metric, granularity AS granularity, ts AS ts, quantile AS quantile, value AS value
FROM gold.forecast
WHERE as_of = :as_of AND unit = 'percent'
ORDER BY series_id, granularity, ts, quantile
