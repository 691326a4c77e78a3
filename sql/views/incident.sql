-- views.incident: what went wrong in the last four weeks, one row for what belongs together on one resource, as of the newest run.
--
-- Reads   gold.anomaly, views.resource_current
--
-- It goes on while half of a deviation is left. `metric`, `value` and `expected` are of its gravest series, `metrics` are all that were
-- anomalous. `severity` is derived from how unusual, how far and how long it was. Cost is not judged. `low` ones are kept here and
-- counted nowhere. `kind` missing are hours without a sample, which have no value. `confidence` is the share of such incidents that
-- people call anomalies (docs/anomalies.md). `answer` and `label` are what people said of it with `python -m pipeline anomaly`.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.anomaly
)
SELECT
  i.as_of AS as_of,
  i.anomaly_id AS anomaly_id,
  coalesce(i.kind, 'deviation') AS kind,
  CASE i.severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END AS severity_order,
  i.severity AS severity,
  i.account AS account,
  i.region AS region,
  i.resource_id AS resource_id,
  i.metrics AS metrics,
  i.metric AS metric,
  i.unit AS unit,
  i.is_open AS is_open,
  i.started_at AS started_at,
  i.ended_at AS ended_at,
  i.hours AS hours,
  i.anomalous_hours AS anomalous_hours,
  i.first_alert_at AS first_alert_at,
  i.alerts AS alerts,
  i.peak_at AS peak_at,
  i.value AS value,
  i.expected AS expected,
  i.impact_ratio AS impact_ratio,
  i.score AS score,
  i.confidence AS confidence,
  i.detectors AS detectors,
  r.service AS service,
  r.app_name AS app_name,
  r.business_unit AS business_unit,
  i.criticality AS criticality,
  i.answer AS answer,
  i.answer_reason AS answer_reason,
  i.label AS label,
  i.series_id AS series_id
FROM gold.anomaly AS i
JOIN newest AS w ON w.as_of = i.as_of
LEFT JOIN views.resource_current AS r
  ON r.account = i.account AND r.region = i.region AND r.resource_id = i.resource_id
