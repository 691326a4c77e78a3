-- alerts.service_now: requests fail, or take too long, now
--
-- Reads   silver.metric_5min
-- Params  :end   end of the run's data interval
--         :alert_error_warning_pct, :alert_error_critical_pct, :alert_latency_warning_ms, :alert_latency_critical_ms,
--         :monitor_hold_minutes   settings
-- Window  1 days
-- Rhythm  monitor
-- Severity  critical, warning
-- Means   People who use it are turned away, or wait, at this moment.
-- Do      See which requests those are and what answers them; take back what was deployed, or give it more to work with.
--
-- Of errors the mean share of requests (`error_rate`) is held against its thresholds, of latency the p95 (`response_time`). The samples
-- since the last one below the threshold, of a day at most, must stand for `monitor_hold_minutes`: minutes without any do not count, and
-- neither do they end what was so before. Of a series the gravest threshold is told. Where all of these minutes say how many requests
-- there were, and no more than one of them failed, that is no message.
WITH level AS (
  SELECT 'error_rate' AS metric, 'warning' AS severity, 1 AS gravity, 'percent' AS unit,
    cast(:alert_error_warning_pct AS double) AS limit_value
  UNION ALL SELECT 'error_rate', 'critical', 2, 'percent', cast(:alert_error_critical_pct AS double)
  UNION ALL SELECT 'response_time', 'warning', 1, 'ms', cast(:alert_latency_warning_ms AS double)
  UNION ALL SELECT 'response_time', 'critical', 2, 'ms', cast(:alert_latency_critical_ms AS double)
),
asked AS (
  SELECT account, region, resource_id, ts, mean * cast(samples AS double) AS requests
  FROM silver.metric_5min
  WHERE ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND ts < :end AND metric = 'request_count' AND unit = 'count'
),
measured AS (
  SELECT
    m.series_id, m.account, m.region, m.resource_id, m.metric, m.ts, m.unit, greatest(m.period_s, 300) AS stands_s, r.requests,
    CASE WHEN m.metric = 'response_time' THEN m.p95 ELSE m.mean END AS value
  FROM silver.metric_5min AS m
  LEFT JOIN asked AS r ON r.account = m.account AND r.region = m.region AND r.resource_id = m.resource_id AND r.ts = m.ts
  WHERE m.ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND m.ts < :end AND m.metric IN ('error_rate', 'response_time')
),
judged AS (
  SELECT
    m.account, m.region, m.resource_id, m.metric, m.unit, m.ts, m.stands_s, m.value, l.severity, l.gravity, l.limit_value,
    CASE WHEN m.metric = 'error_rate' THEN cast(m.value * m.requests / 100e0 AS decimal(38, 6)) END AS failures,
    max(CASE WHEN m.value < l.limit_value THEN m.ts END) OVER (PARTITION BY m.series_id, l.gravity) AS below_at
  FROM measured AS m
  JOIN level AS l ON l.metric = m.metric AND l.unit = m.unit
  WHERE m.value IS NOT NULL
),
held AS (
  SELECT
    account, region, resource_id, metric, unit, severity, gravity, limit_value, min(ts) AS since, max(value) AS highest,
    sum(stands_s) AS stood_s,
    row_number() OVER (PARTITION BY account, region, resource_id, metric ORDER BY gravity DESC) AS place
  FROM judged
  WHERE below_at IS NULL OR ts > below_at
  GROUP BY account, region, resource_id, metric, unit, severity, gravity, limit_value
  HAVING sum(stands_s) >= 60 * :monitor_hold_minutes
    AND (count(failures) < count(*) OR cast(sum(failures) AS double) > 1.5e0)
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  concat(metric, ' now') AS cause,
  severity AS severity,
  since AS since,
  highest AS observed,
  limit_value AS expected,
  CASE WHEN unit = 'ms' THEN 'ms, the p95' ELSE 'percent of the requests' END AS measured_in,
  concat('Minutes observed above it: ', cast(cast(floor(stood_s / 60e0) AS bigint) AS varchar), '.') AS detail,
  cast(NULL AS varchar) AS depends_on
FROM held
WHERE place = 1
