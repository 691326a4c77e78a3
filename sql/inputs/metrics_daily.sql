-- inputs.metrics_daily: the metrics that have demand by the day, cost among them where there are bills.
--
-- Reads   views.demand_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
--
-- A metric with a single day counts: whether there is history enough is decided series by series.
SELECT DISTINCT metric AS metric
FROM views.demand_daily
WHERE ts >= :since AND ts < :as_of
