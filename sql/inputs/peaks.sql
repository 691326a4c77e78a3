-- inputs.peaks: the highest that each series in percent ever reached before a moment.
--
-- Reads   silver.metric_daily
-- Params  :as_of   days before this moment, UTC
--
-- It is the highest sample, not the highest p95, and of all of history: days that were badly observed count as well.
SELECT series_id AS series_id, least(max(max), 100e0) AS peak
FROM silver.metric_daily
WHERE ts < :as_of AND unit = 'percent'
GROUP BY series_id
