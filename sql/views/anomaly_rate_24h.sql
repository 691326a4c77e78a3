-- views.anomaly_rate_24h: per series, the share of the last 24 hours that was anomalous, and whether the last hour was.
--
-- Reads   silver.metric_hourly, gold.anomaly_point, views.resource_current
--
-- Counted is every hour that is anomalous, not only those that were announced. The 24 hours end with the newest hour observed anywhere. Imputed hours count neither as observed nor as anomalous. A rate above
-- 0.1 over an hour or more is worth an alert.
WITH newest AS (
  SELECT max(hour) AS hour FROM silver.metric_hourly
),
observed AS (
  SELECT m.series_id, m.account, m.region, m.resource_id, m.metric, m.hour
  FROM silver.metric_hourly AS m
  CROSS JOIN newest AS n
  WHERE m.hour > n.hour - INTERVAL '24' HOUR AND m.quality_flag <> 1
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
