-- inputs.completeness: how much of what each series should have delivered in an interval arrived.
--
-- Reads   silver.metric_daily
-- Params  :start, :end   the interval, UTC, half-open
-- Window  0 days
--
-- A series is expected from its first day in the interval to its last: what was before it began or after it ended is not missing.
SELECT
  series_id AS series_id,
  metric AS metric,
  count(*) AS days,
  date_diff('day', min(ts), max(ts)) + 1 - count(*) AS missing_days,
  count(*) FILTER (WHERE quality_flag = 2) AS flagged_days,
  cast(sum(samples) AS bigint) AS samples,
  (date_diff('day', min(ts), max(ts)) + 1) * max(expected_samples) AS expected_samples
FROM silver.metric_daily
WHERE ts >= :start AND ts < :end
GROUP BY series_id, metric
ORDER BY series_id
