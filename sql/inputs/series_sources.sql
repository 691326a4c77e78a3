-- inputs.series_sources: from which source each series of metrics came in an interval; of several, the first by name.
--
-- Reads   views.metric_point
-- Params  :start, :end   the interval, UTC, half-open
-- Window  0 days
SELECT
  series_id AS series_id,
  min(source) AS source
FROM views.metric_point
WHERE rule IS NULL
  AND day >= cast(:start AS date) AND day <= cast(:end AS date)
  AND ts >= :start AND ts < :end
GROUP BY series_id
ORDER BY series_id
