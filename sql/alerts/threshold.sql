-- alerts.threshold: CPU, memory, disk or load stayed above its threshold
--
-- Reads   silver.metric_hourly
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :alert_cpu_warning_pct, :alert_cpu_critical_pct, :alert_memory_warning_pct, :alert_memory_critical_pct,
--         :alert_disk_warning_pct, :alert_disk_critical_pct, :alert_load_warning, :alert_load_critical,
--         :alert_hold_hours   settings
-- Window  1 days
-- Severity  critical, warning
-- Means   Work is done more slowly, or fails, and the next peak finds no room.
-- Do      See what runs there (top, df); move or stop work, or enlarge it as gold.recommendation says.
--
-- A stretch is hours in a row whose mean reaches the threshold; it counts from `alert_hold_hours` on, and where it began before the
-- interval with the hours of the day before. Of a series the gravest stretch is told, of equally grave ones the longest. Hours
-- that were filled in end a stretch.
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
above AS (
  SELECT
    h.account, h.region, h.resource_id, h.metric, h.hour, h.mean, l.severity, l.gravity, l.limit_value,
    date_diff('hour', TIMESTAMP '1970-01-01 00:00:00', h.hour)
      - row_number() OVER (PARTITION BY h.series_id, l.gravity ORDER BY h.hour) AS stretch
  FROM silver.metric_hourly AS h
  JOIN level AS l ON l.metric = h.metric AND l.unit = h.unit
  WHERE h.hour >= :start - INTERVAL '1' DAY AND h.hour < :end AND h.quality_flag <> 1
    AND h.mean >= l.limit_value
),
held AS (
  SELECT
    account, region, resource_id, metric, severity, gravity, limit_value, min(hour) AS since, max(hour) AS last_hour,
    count(*) AS hours, max(mean) AS highest,
    row_number() OVER (
      PARTITION BY account, region, resource_id, metric ORDER BY gravity DESC, count(*) DESC, min(hour)
    ) AS place
  FROM above
  GROUP BY account, region, resource_id, metric, severity, gravity, limit_value, stretch
  HAVING count(*) >= :alert_hold_hours AND max(hour) >= :start
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  metric AS cause,
  severity AS severity,
  since AS since,
  highest AS observed,
  limit_value AS expected,
  CASE WHEN metric = 'load_per_cpu' THEN 'tasks per CPU' ELSE 'percent' END AS measured_in,
  'Hours in a row: ' || cast(hours AS varchar)
    || CASE WHEN last_hour < :end - INTERVAL '1' HOUR THEN ', and it is over.' ELSE ', and it goes on.' END AS detail,
  cast(NULL AS varchar) AS depends_on
FROM held
WHERE place = 1
