-- alerts.incident: a resource behaves as it never did
--
-- Reads   gold.incident
-- Params  :start   start of the run's data interval
--         :as_of   its end
--         :alert_incident_hours, :alert_incident_impact   settings
-- Window  0 days
-- Severity  critical, warning
-- Means   More than one anomaly: two metrics at once, or one for long, or far off as a share of capacity.
-- Do      See what was deployed or changed when it began; the report draws the hours around it.
--
-- One anomaly is no message. An incident that is high or critical is corroborated by a second metric of the resource in the same
-- hours, by how long it lasts, or by its impact; a medium one by a second metric alone.
WITH incident AS (
  SELECT
    account, region, resource_id, series_id, metric, severity, started_at, ended_at, hours, value, expected, unit, impact_ratio
  FROM gold.incident
  WHERE as_of = :as_of AND ended_at > :start AND severity <> 'low'
),
paired AS (
  SELECT a.series_id, a.started_at, count(b.series_id) AS others
  FROM incident AS a
  LEFT JOIN incident AS b
    ON b.account = a.account AND b.region = a.region AND b.resource_id = a.resource_id AND b.metric <> a.metric
    AND b.started_at < a.ended_at AND a.started_at < b.ended_at
  GROUP BY a.series_id, a.started_at
),
corroborated AS (
  SELECT
    i.account, i.region, i.resource_id, i.metric, i.severity, i.started_at, i.hours, i.value, i.expected, i.unit, p.others,
    row_number() OVER (
      PARTITION BY i.account, i.region, i.resource_id
      ORDER BY CASE i.severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 ELSE 3 END, i.hours DESC, i.started_at, i.metric
    ) AS place,
    min(i.started_at) OVER (PARTITION BY i.account, i.region, i.resource_id) AS since
  FROM incident AS i
  JOIN paired AS p ON p.series_id = i.series_id AND p.started_at = i.started_at
  WHERE p.others > 0
    OR (i.severity <> 'medium' AND (i.hours >= :alert_incident_hours OR i.impact_ratio >= :alert_incident_impact))
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  'anomaly' AS cause,
  CASE WHEN severity = 'critical' THEN 'critical' ELSE 'warning' END AS severity,
  since AS since,
  value AS observed,
  expected AS expected,
  unit AS measured_in,
  metric || ', hours: ' || cast(hours AS varchar) || CASE WHEN others > 0 THEN '; other metrics of it as well.' ELSE '.' END AS detail,
  cast(NULL AS varchar) AS depends_on
FROM corroborated
WHERE place = 1
