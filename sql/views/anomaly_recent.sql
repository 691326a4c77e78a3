-- views.anomaly_recent: the anomalous hours of the last seven days, the most severe first to read.
--
-- Reads   gold.anomaly_point, silver.metric_hourly, views.resource_current
--
-- The seven days end with the newest hour observed anywhere, not with the clock: a lake that stands still shows what it last
-- knew. `deviation` is observed minus expected, in the metric's unit; beyond `lower` and `upper` the strongest detector takes a value
-- for far. `severity` is the hour's own, as its detectors saw it;
-- views.incident has that of the incident it belongs to, which also counts how long it lasted and how much of the capacity it took.
WITH newest AS (
  SELECT max(hour) AS hour FROM silver.metric_hourly
)
SELECT
  a.ts AS ts,
  a.series_id AS series_id,
  a.account AS account,
  a.region AS region,
  a.resource_id AS resource_id,
  r.environment AS environment,
  a.metric AS metric,
  a.unit AS unit,
  a.value AS value,
  a.expected AS expected,
  a.lower AS lower,
  a.upper AS upper,
  a.value - a.expected AS deviation,
  a.score AS score,
  a.severity AS severity,
  CASE a.severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS severity_order,
  a.votes AS votes,
  coalesce(a.vote_weight, cast(a.votes AS double)) AS vote_weight,
  a.detectors AS detectors,
  a.is_alert AS is_alert
FROM gold.anomaly_point AS a
CROSS JOIN newest AS n
LEFT JOIN views.resource_current AS r
  ON r.account = a.account AND r.region = a.region AND r.resource_id = a.resource_id
WHERE a.state = 'anomalous' AND a.ts > n.hour - INTERVAL '7' DAY
