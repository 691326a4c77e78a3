-- alerts.threshold_now: CPU, memory, disk or load is above its threshold now
--
-- Reads   silver.metric_5min
-- Params  :end   end of the run's data interval
--         :alert_cpu_warning_pct, :alert_cpu_critical_pct, :alert_memory_warning_pct, :alert_memory_critical_pct,
--         :alert_disk_warning_pct, :alert_disk_critical_pct, :alert_load_warning, :alert_load_critical,
--         :monitor_hold_minutes   settings
-- Window  1 days
-- Rhythm  monitor
-- Severity  critical, warning
-- Means   Work is done more slowly, or fails, at this moment.
-- Do      See what runs there (top, df); move or stop work, or enlarge it as gold.recommendation says.
--
-- The samples since the last mean below the threshold, of a day at most, must stand for `monitor_hold_minutes`: minutes without any do
-- not count, and neither do they end what was so before. Of a series the gravest threshold is told.
WITH level AS (
  SELECT 'cpu_utilization' AS metric, 'warning' AS severity, 1 AS gravity, 'percent' AS unit,
    cast(:alert_cpu_warning_pct AS double) AS limit_value
  UNION ALL SELECT 'cpu_utilization', 'critical', 2, 'percent', cast(:alert_cpu_critical_pct AS double)
  UNION ALL SELECT 'memory_utilization', 'warning', 1, 'percent', cast(:alert_memory_warning_pct AS double)
  UNION ALL SELECT 'memory_utilization', 'critical', 2, 'percent', cast(:alert_memory_critical_pct AS double)
  UNION ALL SELECT 'disk_utilization', 'warning', 1, 'percent', cast(:alert_disk_warning_pct AS double)
  UNION ALL SELECT 'disk_utilization', 'critical', 2, 'percent', cast(:alert_disk_critical_pct AS double)
  UNION ALL SELECT 'load_per_cpu', 'warning', 1, 'count', cast(:alert_load_warning AS double)
  UNION ALL SELECT 'load_per_cpu', 'critical', 2, 'count', cast(:alert_load_critical AS double)
),
judged AS (
  SELECT
    m.account, m.region, m.resource_id, m.metric, m.ts, m.mean, greatest(m.period_s, 300) AS stands_s,
    l.severity, l.gravity, l.limit_value,
    max(CASE WHEN m.mean < l.limit_value THEN m.ts END) OVER (PARTITION BY m.series_id, l.gravity) AS below_at
  FROM silver.metric_5min AS m
  JOIN level AS l ON l.metric = m.metric AND l.unit = m.unit
  WHERE m.ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND m.ts < :end AND m.mean IS NOT NULL
),
held AS (
  SELECT
    account, region, resource_id, metric, severity, gravity, limit_value, min(ts) AS since, max(mean) AS highest,
    sum(stands_s) AS stood_s,
    row_number() OVER (PARTITION BY account, region, resource_id, metric ORDER BY gravity DESC) AS place
  FROM judged
  WHERE below_at IS NULL OR ts > below_at
  GROUP BY account, region, resource_id, metric, severity, gravity, limit_value
  HAVING sum(stands_s) >= 60 * :monitor_hold_minutes
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  concat(metric, ' now') AS cause,
  severity AS severity,
  since AS since,
  highest AS observed,
  limit_value AS expected,
  CASE WHEN metric = 'load_per_cpu' THEN 'tasks per CPU' ELSE 'percent' END AS measured_in,
  concat('Minutes observed above it: ', cast(cast(floor(stood_s / 60e0) AS bigint) AS varchar), '.') AS detail,
  cast(NULL AS varchar) AS depends_on
FROM held
WHERE place = 1
