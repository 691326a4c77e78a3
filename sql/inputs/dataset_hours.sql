-- inputs.dataset_hours: what each metric of a run's sources did by the hour, over all its series, up to the run.
--
-- Reads   silver.metric_hourly, views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open: of which source a series is
--         :since   hours of its history in [since, end), UTC
-- Window  0 days
--
-- Hours that repeat the one before are left out. A series that several sources delivered counts for the first by name.
WITH of_source AS (
  SELECT series_id, min(source) AS source
  FROM views.metric_point
  WHERE rule IS NULL AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY series_id
)
SELECT
  s.source AS source,
  h.metric AS metric,
  h.hour AS ts,
  cast(sum(cast(coalesce(h.mean, h.p95) AS decimal(38, 9))) AS double)
    / cast(nullif(count(coalesce(h.mean, h.p95)), 0) AS double) AS value
FROM of_source AS s
LEFT JOIN silver.metric_hourly AS h
  ON h.series_id = s.series_id
  AND h.quality_flag <> 1
  AND h.day >= cast(:since AS date) AND h.day <= cast(:end AS date)
  AND h.hour >= :since AND h.hour < :end
GROUP BY s.source, h.metric, h.hour
HAVING count(h.series_id) > 0
ORDER BY source, metric, ts
