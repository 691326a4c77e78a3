-- alerts.disk_full: a disk is forecast to fill up soon
--
-- Reads   gold.capacity_risk
-- Params  :as_of   end of the run's data interval
--         :alert_disk_full_days   a setting
-- Window  0 days
-- Severity  critical
-- Means   What writes to a full disk fails, and a database may not start again.
-- Do      Delete or move what is not needed, or enlarge the volume; then look at what grows.
--
-- Full is the highest threshold that the risk is stated for. A day's forecast and an hour's may both say so: the earlier counts.
WITH placed AS (
  SELECT series_id, metric, threshold_pct, first_crossing_at, max(threshold_pct) OVER (PARTITION BY series_id) AS full_pct
  FROM gold.capacity_risk
  WHERE as_of = :as_of AND metric = 'disk_utilization'
),
filling AS (
  SELECT series_id, metric, full_pct, min(first_crossing_at) AS full_at
  FROM placed
  WHERE threshold_pct = full_pct
  GROUP BY series_id, metric, full_pct
)
SELECT
  substr(series_id, 1, length(series_id) - length(metric) - 1) AS subject,
  metric AS cause,
  'critical' AS severity,
  cast(:as_of AS timestamp) AS since,
  cast(date_diff('day', cast(:as_of AS timestamp), full_at) AS double) AS observed,
  cast(:alert_disk_full_days AS double) AS expected,
  CASE WHEN date_diff('day', cast(:as_of AS timestamp), full_at) = 1 THEN 'day left' ELSE 'days left' END AS measured_in,
  concat('It is expected to be full on ', substr(cast(full_at AS varchar), 1, 10), '.') AS detail,
  cast(NULL AS varchar) AS depends_on
FROM filling
WHERE date_diff('day', cast(:as_of AS timestamp), full_at) < :alert_disk_full_days
