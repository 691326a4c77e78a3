-- views.status_timeline: the last 24 hours of each series as stretches of one state, for a state timeline.
--
-- Reads   views.status_course
--
-- One row per series and stretch of hours in a row that have the same state; hours of which nothing was observed are in none, and end the
-- one before. An hour is as its gravest part: anomalous, above, normal, else unknown. `severity` is the gravest of the stretch. The 24
-- hours end with the newest hour observed anywhere.
WITH hourly AS (
  SELECT
    series_id, resource_id, environment, metric, date_trunc('hour', ts) AS hour,
    min(CASE WHEN is_anomalous THEN 1 WHEN value > upper THEN 2 WHEN is_judged OR upper IS NOT NULL THEN 3 ELSE 4 END) AS gravity,
    min(CASE severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 WHEN 'low' THEN 4 END) AS severity_order
  FROM views.status_course
  GROUP BY series_id, resource_id, environment, metric, date_trunc('hour', ts)
),
newest AS (
  SELECT max(hour) AS hour FROM hourly
),
placed AS (
  SELECT
    h.series_id, h.resource_id, h.environment, h.metric, h.hour, h.gravity, h.severity_order,
    date_diff('hour', h.hour, n.hour) + row_number() OVER (PARTITION BY h.series_id, h.gravity ORDER BY h.hour) AS island
  FROM hourly AS h
  CROSS JOIN newest AS n
  WHERE h.hour > n.hour - INTERVAL '24' HOUR
)
SELECT
  series_id AS series_id,
  resource_id AS resource_id,
  environment AS environment,
  metric AS metric,
  CASE gravity WHEN 1 THEN 'anomalous' WHEN 2 THEN 'above' WHEN 3 THEN 'normal' ELSE 'unknown' END AS status,
  min(hour) AS started_at,
  date_add('hour', 1, max(hour)) AS ended_at,
  count(*) AS hours,
  CASE min(severity_order) WHEN 1 THEN 'critical' WHEN 2 THEN 'high' WHEN 3 THEN 'medium' WHEN 4 THEN 'low' END AS severity
FROM placed
GROUP BY series_id, resource_id, environment, metric, gravity, island
