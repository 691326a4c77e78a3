-- inputs.peaks: the highest that each series in percent reached before a moment.
--
-- Reads   silver.metric_daily
-- Params  :as_of   days before this moment, UTC
-- Window  800 days
--
-- It is the highest sample, not the highest p95, of as much history as forecasts read: days that were badly observed count as well.
SELECT series_id AS series_id, least(max(max), 100e0) AS peak
FROM silver.metric_daily
WHERE ts >= :as_of - INTERVAL '800' DAY AND ts < :as_of AND unit = 'percent'
GROUP BY series_id
