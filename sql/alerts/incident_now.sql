-- alerts.incident_now: a resource behaves as it never did, in the last hour too
--
-- Reads   gold.anomaly
-- Params  :end   end of the run's data interval
--         :alert_incident_hours, :alert_incident_impact, :alert_incident_mbps   settings
-- Window  1 days
-- Rhythm  monitor
-- Severity  critical, warning
-- Behind  threshold_now, service_now
-- Means   More than one anomaly, and it goes on: two metrics at once, or one for long, or far off as a share of capacity.
-- Do      See what was deployed or changed when it began; the resource's metrics of the last hours show how far it is.
--
-- What the rule `incident` tells in the morning, an hour after it began to be so: of incidents as of the last hour that is over, those
-- that are open. What was last anomalous for more than two hours before the run's end is no news: where hours are left to the day's run,
-- nobody knows whether it goes on. Missing samples are none, as there. Of several of one resource the gravest is told, then the longest.
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.anomaly
  WHERE as_of <= :end AND as_of > cast(:end AS timestamp) - INTERVAL '2' HOUR
),
corroborated AS (
  SELECT
    a.account, a.region, a.resource_id, a.metric, a.metrics, a.severity, a.hours, a.value, a.expected, a.unit,
    row_number() OVER (
      PARTITION BY a.account, a.region, a.resource_id
      ORDER BY CASE a.severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 ELSE 3 END, a.hours DESC, a.started_at, a.anomaly_id
    ) AS place,
    min(a.started_at) OVER (PARTITION BY a.account, a.region, a.resource_id) AS since
  FROM gold.anomaly AS a
  JOIN newest AS n ON n.as_of = a.as_of
  WHERE a.is_open AND a.severity <> 'low' AND a.ended_at > cast(:end AS timestamp) - INTERVAL '2' HOUR
    AND coalesce(a.kind, 'deviation') <> 'missing'
    AND coalesce(a.answer, '') NOT IN ('dismissed', 'planned') AND coalesce(a.label, '') <> 'refuted'
    AND (
      (strpos(a.metrics, ',') > 0 AND (a.severity <> 'medium' OR a.impact_ratio IS NOT NULL))
      OR (a.severity <> 'medium' AND (a.hours >= :alert_incident_hours OR a.impact_ratio >= :alert_incident_impact))
      OR (a.impact_ratio IS NULL AND a.hours >= :alert_incident_hours
        AND (a.unit <> 'mbps' OR greatest(coalesce(a.value, 0e0), coalesce(a.expected, 0e0)) >= :alert_incident_mbps))
    )
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  'anomaly now' AS cause,
  CASE WHEN severity = 'critical' THEN 'critical' ELSE 'warning' END AS severity,
  since AS since,
  value AS observed,
  expected AS expected,
  unit AS measured_in,
  metric || ', hours: ' || cast(hours AS varchar) || '; all metrics: ' || metrics || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM corroborated
WHERE place = 1
