-- inputs.sample_sources: the sources whose samples of metrics lie in an interval.
--
-- Reads   bronze.metric_sample
-- Params  :start, :end   the interval, UTC, half-open
-- Window  0 days
SELECT DISTINCT
  source AS source
FROM bronze.metric_sample
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date)
  AND ts >= :start AND ts < :end
ORDER BY source
