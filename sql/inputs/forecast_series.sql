-- inputs.forecast_series: what was forecast in one run, and at what level.
--
-- Reads   gold.forecast
-- Params  :as_of   of the run
-- Window  0 days
--
-- `level` is the mean of the median over the horizon, in the metric's own unit: it orders costs among each other, nothing else.
SELECT series_id AS series_id, metric AS metric, granularity AS granularity,
  cast(sum(cast(value AS decimal(38, 9))) AS double) / cast(count(value) AS double) AS level
FROM gold.forecast
WHERE as_of = :as_of AND quantile = 0.5e0
GROUP BY series_id, metric, granularity
ORDER BY series_id, granularity
