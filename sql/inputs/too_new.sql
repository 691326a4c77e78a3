-- inputs.too_new: the series measured in percent that were too new to be forecast in one run.
--
-- Reads   gold.not_forecast
-- Params  :as_of   of the run
-- Window  0 days
--
-- By the hour alone: what is too new by the day is forecast by the hour, or too new by the hour as well.
SELECT series_id AS series_id, metric AS metric, granularity AS granularity, observed AS observed
FROM gold.not_forecast
WHERE as_of = :as_of AND reason = 'too_new' AND unit = 'percent' AND granularity = 'hour'
ORDER BY series_id
