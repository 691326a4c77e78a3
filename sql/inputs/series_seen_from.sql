-- inputs.series_seen_from: from which source each series came whose five minutes were built in the last day; of several, the first by name.
--
-- Reads   silver.metric_5min
-- Params  :as_of   nothing later counts, UTC
-- Window  1 days
SELECT
  series_id AS series_id,
  min(source) AS source
FROM silver.metric_5min
WHERE ts >= :as_of - INTERVAL '1' DAY AND ts < :as_of
GROUP BY series_id
ORDER BY series_id
