-- alerts.incident: a resource behaves as it never did
--
-- Reads   gold.anomaly
-- Params  :start   start of the run's data interval
--         :as_of   its end
--         :alert_incident_hours, :alert_incident_impact, :alert_incident_mbps   settings
-- Window  0 days
-- Severity  critical, warning
-- Behind  threshold, service, storage_growth
-- Means   More than one anomaly: two metrics at once, or one for long, or far off as a share of capacity.
-- Do      See what was deployed or changed when it began; the report draws the hours around it.
--
-- One anomaly is no message. An incident that is high or critical is corroborated by a second metric of the resource, by how long it
-- lasts, or by its impact; a medium one by a second metric alone. Where no capacity says what it does to the resource, a medium one
-- lasts instead, for a burst of traffic is two metrics at once, and is no whisper of traffic; a graver one is of a resource of high
-- criticality. What people dismissed or refuted is none, nor are missing samples, which no_data and completeness tell of. Of several of
-- one resource the gravest is told, then the longest.
WITH corroborated AS (
  SELECT
    account, region, resource_id, metric, metrics, severity, hours, value, expected, unit,
    row_number() OVER (
      PARTITION BY account, region, resource_id
      ORDER BY CASE severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 ELSE 3 END, hours DESC, started_at, anomaly_id
    ) AS place,
    min(started_at) OVER (PARTITION BY account, region, resource_id) AS since
  FROM gold.anomaly
  WHERE as_of = :as_of AND ended_at > :start AND severity <> 'low'
    AND coalesce(kind, 'deviation') <> 'missing'
    AND coalesce(answer, '') NOT IN ('dismissed', 'planned') AND coalesce(label, '') <> 'refuted'
    AND (
      (strpos(metrics, ',') > 0 AND (severity <> 'medium' OR impact_ratio IS NOT NULL))
      OR (severity <> 'medium' AND (hours >= :alert_incident_hours OR impact_ratio >= :alert_incident_impact))
      OR (impact_ratio IS NULL AND hours >= :alert_incident_hours
        AND (unit <> 'mbps' OR greatest(coalesce(value, 0e0), coalesce(expected, 0e0)) >= :alert_incident_mbps))
    )
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  'anomaly' AS cause,
  CASE WHEN severity = 'critical' THEN 'critical' ELSE 'warning' END AS severity,
  since AS since,
  value AS observed,
  expected AS expected,
  unit AS measured_in,
  metric || ', hours: ' || cast(hours AS varchar) || '; all metrics: ' || metrics || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM corroborated
WHERE place = 1
