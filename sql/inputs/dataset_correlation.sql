-- inputs.dataset_correlation: how the metrics of a run's sources move with the CPU of the same resource, over days up to the run.
--
-- Reads   silver.metric_daily, views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open: of which source a series is
--         :since   days in [since, end), UTC
-- Window  0 days
--
-- Pearson's, both resources' differences and days' changes mixed; null below three days and where either never changes. Below a
-- millionth it does not: sums of such changes would be noise. Nine digits, for its sums depend on the order of the rows.
WITH of_source AS (
  SELECT series_id, min(source) AS source
  FROM views.metric_point
  WHERE rule IS NULL AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY series_id
),
pairs AS (
  SELECT
    d.series_id,
    d.metric,
    round(coalesce(d.mean, d.p95), 6) AS value,
    round(coalesce(c.mean, c.p95), 6) AS cpu
  FROM silver.metric_daily AS d
  INNER JOIN silver.metric_daily AS c
    ON c.account = d.account AND c.region = d.region AND c.resource_id = d.resource_id AND c.ts = d.ts
  WHERE d.ts >= :since AND d.ts < :end
    AND c.ts >= :since AND c.ts < :end
    AND c.metric = 'cpu_utilization'
    AND d.metric <> 'cpu_utilization'
    AND coalesce(d.mean, d.p95) IS NOT NULL
    AND coalesce(c.mean, c.p95) IS NOT NULL
)
SELECT
  s.source AS source,
  p.metric AS metric,
  CASE WHEN count(p.series_id) >= 3 THEN round(least(1e0, greatest(-1e0, corr(p.value, p.cpu))), 9) END AS correlation
FROM of_source AS s
LEFT JOIN pairs AS p ON p.series_id = s.series_id
GROUP BY s.source, p.metric
HAVING count(p.series_id) > 0
ORDER BY source, metric
