-- alerts.service: requests failed, or took too long, for hours
--
-- Reads   silver.metric_hourly
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :alert_error_warning_pct, :alert_error_critical_pct, :alert_latency_warning_ms, :alert_latency_critical_ms,
--         :alert_hold_hours   settings
-- Window  1 days
-- Severity  critical, warning
-- Means   People who used it were turned away, or waited.
-- Do      See which requests those were and what answers them; take back what was deployed then, or give it more to work with.
--
-- Of errors the hour's mean share of requests (`error_rate`) is held against its thresholds, of latency the hour's p95
-- (`response_time`), which is the highest where the source states one of each period. A stretch is hours in a row that reach the
-- threshold; it counts from `alert_hold_hours` on, and where it began before the interval with the hours of the day before. Of a series
-- the gravest stretch is told, of equally grave ones the longest. Where all of its hours say how many requests there were, and no
-- more than one of them failed, that is no message.
WITH level AS (
  SELECT 'error_rate' AS metric, 'warning' AS severity, 1 AS gravity, 'percent' AS unit,
    cast(:alert_error_warning_pct AS double) AS limit_value
  UNION ALL SELECT 'error_rate', 'critical', 2, 'percent', cast(:alert_error_critical_pct AS double)
  UNION ALL SELECT 'response_time', 'warning', 1, 'ms', cast(:alert_latency_warning_ms AS double)
  UNION ALL SELECT 'response_time', 'critical', 2, 'ms', cast(:alert_latency_critical_ms AS double)
),
asked AS (
  SELECT account, region, resource_id, hour, mean * cast(samples AS double) AS requests
  FROM silver.metric_hourly
  WHERE hour >= :start - INTERVAL '1' DAY AND hour < :end AND quality_flag <> 1
    AND metric = 'request_count' AND unit = 'count'
),
measured AS (
  SELECT
    h.series_id, h.account, h.region, h.resource_id, h.metric, h.hour, h.unit, r.requests,
    CASE WHEN h.metric = 'response_time' THEN h.p95 ELSE h.mean END AS value
  FROM silver.metric_hourly AS h
  LEFT JOIN asked AS r ON r.account = h.account AND r.region = h.region AND r.resource_id = h.resource_id AND r.hour = h.hour
  WHERE h.hour >= :start - INTERVAL '1' DAY AND h.hour < :end AND h.quality_flag <> 1
    AND h.metric IN ('error_rate', 'response_time')
),
above AS (
  SELECT
    m.account, m.region, m.resource_id, m.metric, m.unit, m.hour, m.value, l.severity, l.gravity, l.limit_value,
    CASE WHEN m.metric = 'error_rate' THEN cast(m.value * m.requests / 100e0 AS decimal(38, 6)) END AS failures,
    date_diff('hour', TIMESTAMP '1970-01-01 00:00:00', m.hour)
      - row_number() OVER (PARTITION BY m.series_id, l.gravity ORDER BY m.hour) AS stretch
  FROM measured AS m
  JOIN level AS l ON l.metric = m.metric AND l.unit = m.unit
  WHERE m.value >= l.limit_value
),
held AS (
  SELECT
    account, region, resource_id, metric, unit, severity, gravity, limit_value, min(hour) AS since, max(hour) AS last_hour,
    count(*) AS hours, max(value) AS highest,
    row_number() OVER (
      PARTITION BY account, region, resource_id, metric ORDER BY gravity DESC, count(*) DESC, min(hour)
    ) AS place
  FROM above
  GROUP BY account, region, resource_id, metric, unit, severity, gravity, limit_value, stretch
  HAVING count(*) >= :alert_hold_hours AND max(hour) >= :start
    AND (count(failures) < count(*) OR cast(sum(failures) AS double) > 1.5e0)
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  metric AS cause,
  severity AS severity,
  since AS since,
  highest AS observed,
  limit_value AS expected,
  CASE WHEN unit = 'ms' THEN 'ms, the p95' ELSE 'percent of the requests' END AS measured_in,
  concat(
    'Hours in a row: ', cast(hours AS varchar),
    CASE WHEN last_hour < :end - INTERVAL '1' HOUR THEN ', and it is over.' ELSE ', and it goes on.' END
  ) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM held
WHERE place = 1
