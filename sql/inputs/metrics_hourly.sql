-- inputs.metrics_hourly: the metrics that have demand by the hour.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC
-- Window  0 days
--
-- A metric with a single hour counts: whether there is history enough is decided series by series.
SELECT DISTINCT metric AS metric
FROM views.demand_hourly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
