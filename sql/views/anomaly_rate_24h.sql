-- views.anomaly_rate_24h: per series, the share of the last 24 hours that was anomalous, and whether the last hour was.
--
-- Reads   silver.metric_hourly, silver.hour_observed, gold.anomaly_point, views.resource_current
--
-- Counted is every hour that is anomalous, not only those that were announced. The 24 hours end with the newest hour observed anywhere;
-- those of a day that no day's run has built yet are as the monitor observed them. Imputed hours count neither as observed nor as
-- anomalous. A rate above 0.1 over an hour or more is worth an alert.
WITH built AS (
  SELECT DISTINCT day FROM silver.metric_hourly
),
hours AS (
  SELECT series_id, account, region, resource_id, metric, hour
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
  UNION ALL
  SELECT h.series_id, h.account, h.region, h.resource_id, h.metric, h.ts
  FROM silver.hour_observed AS h
  LEFT JOIN built AS b ON b.day = h.day
  WHERE b.day IS NULL
),
newest AS (
  SELECT max(hour) AS hour FROM hours
),
observed AS (
  SELECT h.series_id, h.account, h.region, h.resource_id, h.metric, h.hour
  FROM hours AS h
  CROSS JOIN newest AS n
  WHERE h.hour > n.hour - INTERVAL '24' HOUR
)
SELECT
  o.series_id AS series_id,
  o.resource_id AS resource_id,
  r.environment AS environment,
  o.metric AS metric,
  count(*) AS observed_hours,
  count(a.ts) AS anomalous_hours,
  cast(count(a.ts) AS double) / cast(nullif(count(*), 0) AS double) AS anomaly_rate_ratio,
  count(a.ts) FILTER (WHERE o.hour = n.hour) AS anomalous_last_hour,
  coalesce(max(a.score), 0e0) AS highest_score,
  max(n.hour) AS until_hour
FROM observed AS o
CROSS JOIN newest AS n
LEFT JOIN gold.anomaly_point AS a
  ON a.series_id = o.series_id AND a.ts = o.hour AND a.granularity = 'hour' AND a.state = 'anomalous'
LEFT JOIN views.resource_current AS r
  ON r.account = o.account AND r.region = o.region AND r.resource_id = o.resource_id
GROUP BY o.series_id, o.resource_id, r.environment, o.metric
