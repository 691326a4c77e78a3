-- views.current_status: the last hour that a day's run built of each series, and how it stood; views.status_now has those since.
--
-- Reads   silver.metric_hourly, gold.anomaly_point, gold.forecast
--
-- `status` is stale when the series is more than three hours behind the newest hour observed anywhere, else anomalous or normal: an
-- hour is anomalous as long as a deviation goes on, not only where it was announced.
-- `expected` is the median of the last hourly forecast published before the hour. `confidence` is null until scores are calibrated:
-- an anomaly score is no chance.
WITH newest AS (
  SELECT max(hour) AS hour FROM silver.metric_hourly
),
ranked AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, hour, p95, quality_score,
    row_number() OVER (PARTITION BY series_id ORDER BY hour DESC) AS recency
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
),
forecast AS (
  SELECT series_id, ts, max_by(value, as_of) AS expected
  FROM gold.forecast
  WHERE granularity = 'hour' AND quantile = 0.5e0 AND as_of <= ts
  GROUP BY series_id, ts
)
SELECT
  r.series_id AS series_id,
  r.account AS account,
  r.region AS region,
  r.resource_id AS resource_id,
  r.metric AS metric,
  r.unit AS unit,
  r.hour AS last_hour,
  r.p95 AS value,
  f.expected AS expected,
  CASE
    WHEN r.hour < n.hour - INTERVAL '3' HOUR THEN 'stale'
    WHEN a.ts IS NOT NULL THEN 'anomalous'
    ELSE 'normal'
  END AS status,
  a.severity AS severity,
  cast(NULL AS double) AS confidence,
  r.quality_score AS quality_score,
  date_diff('hour', r.hour, n.hour) AS hours_behind
FROM ranked AS r
CROSS JOIN newest AS n
LEFT JOIN gold.anomaly_point AS a
  ON a.series_id = r.series_id AND a.ts = r.hour AND a.granularity = 'hour' AND a.state = 'anomalous'
LEFT JOIN forecast AS f ON f.series_id = r.series_id AND f.ts = r.hour
WHERE r.recency = 1
