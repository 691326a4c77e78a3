-- inputs.series_delivered: who delivered each series in the four weeks before a moment, a row for each that a day of it had.
--
-- Reads   silver.metric_daily
-- Params  :as_of   nothing later counts, UTC
-- Window  28 days
SELECT DISTINCT
  series_id AS series_id,
  sources AS sources
FROM silver.metric_daily
WHERE ts >= :as_of - INTERVAL '28' DAY AND ts < :as_of AND sources IS NOT NULL
ORDER BY series_id, sources
