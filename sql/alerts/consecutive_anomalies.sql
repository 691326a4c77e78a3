-- alerts.consecutive_anomalies: a series is anomalous sample after sample
--
-- Reads   gold.anomaly_point, gold.anomaly
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :as_of   its end
--         :alert_anomalies_in_a_row, :alert_incident_mbps   settings
-- Window  1 days
-- Severity  warning
-- Behind  threshold, service, storage_growth
-- Means   It is no outlier that is over: the series stays where it was not before.
-- Do      See what was deployed or changed when it began; say `python -m pipeline anomaly` what you know of it.
--
-- A stretch is samples in a row that are anomalous, more of them than are set; where it began before the interval it counts with those
-- of the day before. A sample that is normal, or was not judged, ends it. Of a resource the longest stretch is told, where
-- it has an incident that is more than low: one that does something to it, that nobody dismissed or refuted, and that is no whisper of
-- traffic: of such the rule `incident` tells alone, where it does.
WITH grave AS (
  SELECT DISTINCT account, region, resource_id
  FROM gold.anomaly
  WHERE as_of = :as_of AND ended_at > :start AND severity <> 'low'
    AND coalesce(kind, 'deviation') <> 'missing'
    AND coalesce(answer, '') NOT IN ('dismissed', 'planned') AND coalesce(label, '') <> 'refuted'
    AND NOT (impact_ratio IS NULL AND coalesce(unit, '') = 'mbps'
      AND greatest(coalesce(value, 0e0), coalesce(expected, 0e0)) < :alert_incident_mbps)
),
placed AS (
  SELECT
    account, region, resource_id, series_id, metric, ts, value, expected, unit,
    date_diff('hour', TIMESTAMP '1970-01-01 00:00:00', ts) - row_number() OVER (PARTITION BY series_id ORDER BY ts) AS stretch
  FROM gold.anomaly_point
  WHERE ts >= :start - INTERVAL '1' DAY AND ts < :end AND granularity = 'hour' AND state = 'anomalous'
),
stretches AS (
  SELECT
    account, region, resource_id, series_id, metric, unit, min(ts) AS since, max(ts) AS last_at, count(*) AS samples,
    max_by(value, ts) AS value, max_by(expected, ts) AS expected
  FROM placed
  GROUP BY account, region, resource_id, series_id, metric, unit, stretch
  HAVING count(*) > :alert_anomalies_in_a_row AND max(ts) >= :start
),
longest AS (
  SELECT
    account, region, resource_id, metric, unit, since, last_at, samples, value, expected,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY samples DESC, since, metric) AS place
  FROM stretches
)
SELECT
  concat_ws('/', l.account, l.region, l.resource_id) AS subject,
  'anomaly' AS cause,
  'warning' AS severity,
  since AS since,
  value AS observed,
  expected AS expected,
  unit AS measured_in,
  concat(
    metric, ', samples in a row: ', cast(samples AS varchar),
    CASE WHEN last_at < :end - INTERVAL '1' HOUR THEN ', and it is over.' ELSE ', and it goes on.' END
  ) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM longest AS l
JOIN grave AS g ON g.account = l.account AND g.region = l.region AND g.resource_id = l.resource_id
WHERE place = 1
