-- inputs.dataset_days: what each metric of a run's sources did by the day, over all its series, up to the run.
--
-- Reads   silver.metric_daily, views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open: of which source a series is
--         :since   days of its history in [since, end), UTC
-- Window  0 days
--
-- A series that several sources delivered counts for the first by name. A sum of decimals is the same in every order of rows.
WITH of_source AS (
  SELECT series_id, min(source) AS source
  FROM views.metric_point
  WHERE rule IS NULL AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY series_id
)
SELECT
  s.source AS source,
  d.metric AS metric,
  d.ts AS ts,
  cast(sum(cast(coalesce(d.mean, d.p95) AS decimal(38, 9))) AS double)
    / cast(nullif(count(coalesce(d.mean, d.p95)), 0) AS double) AS value,
  cast(sum(least(d.samples, d.expected_samples)) AS bigint) AS samples,
  cast(sum(d.expected_samples) AS bigint) AS expected_samples
FROM of_source AS s
LEFT JOIN silver.metric_daily AS d ON d.series_id = s.series_id AND d.ts >= :since AND d.ts < :end
GROUP BY s.source, d.metric, d.ts
HAVING count(d.series_id) > 0
ORDER BY source, metric, ts
