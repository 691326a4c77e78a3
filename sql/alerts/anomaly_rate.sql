-- alerts.anomaly_rate: many of a resource's samples are anomalous
--
-- Reads   gold.anomaly_point, gold.anomaly
-- Params  :end   end of the run's data interval
--         :as_of   the same
--         :alert_anomaly_hour_ratio, :alert_anomaly_day_ratio, :alert_anomaly_samples, :alert_incident_mbps   settings
-- Window  1 days
-- Severity  warning
-- Behind  threshold, service, storage_growth
-- Means   It is not one odd sample: the resource behaves otherwise than in the weeks before.
-- Do      See what was deployed or changed; the report draws the hours around it.
--
-- Of the samples of all metrics that were judged in the last day, or in one hour of it: more than the share that is set are anomalous,
-- of `alert_anomaly_samples` at least. A resource with a few metrics has too few samples in an hour, and is judged by the day. The
-- share that is further above its limit is told, where the resource has an incident that is more than low: one that does something,
-- that nobody dismissed or refuted, and that is no whisper of traffic: of such the rule `incident` tells alone, where it does.
WITH grave AS (
  SELECT DISTINCT account, region, resource_id
  FROM gold.anomaly
  WHERE as_of = :as_of AND ended_at > cast(:end AS timestamp) - INTERVAL '1' DAY AND severity <> 'low'
    AND coalesce(kind, 'deviation') <> 'missing'
    AND coalesce(answer, '') NOT IN ('dismissed', 'planned') AND coalesce(label, '') <> 'refuted'
    AND NOT (impact_ratio IS NULL AND coalesce(unit, '') = 'mbps'
      AND greatest(coalesce(value, 0e0), coalesce(expected, 0e0)) < :alert_incident_mbps)
),
counted AS (
  SELECT
    account, region, resource_id, ts, count(*) AS samples, count(CASE WHEN state = 'anomalous' THEN 1 END) AS anomalous
  FROM gold.anomaly_point
  WHERE ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND ts < :end
  GROUP BY account, region, resource_id, ts
),
spans AS (
  SELECT
    account, region, resource_id, ts AS since, 'an hour' AS span, samples, anomalous,
    cast(:alert_anomaly_hour_ratio AS double) AS limit_ratio
  FROM counted
  UNION ALL
  SELECT
    account, region, resource_id, min(CASE WHEN anomalous > 0 THEN ts END), 'a day',
    cast(sum(samples) AS bigint), cast(sum(anomalous) AS bigint), cast(:alert_anomaly_day_ratio AS double)
  FROM counted
  GROUP BY account, region, resource_id
),
rated AS (
  SELECT
    account, region, resource_id, since, span, samples, anomalous, limit_ratio,
    cast(anomalous AS double) / cast(nullif(samples, 0) AS double) AS ratio
  FROM spans
  WHERE samples >= :alert_anomaly_samples
),
above AS (
  SELECT
    account, region, resource_id, since, span, samples, anomalous, limit_ratio, ratio,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY ratio - limit_ratio DESC, span, since) AS place
  FROM rated
  WHERE ratio > limit_ratio
),
odd AS (
  SELECT account, region, resource_id, array_join(array_sort(array_agg(DISTINCT metric)), ',') AS metrics
  FROM gold.anomaly_point
  WHERE ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND ts < :end AND state = 'anomalous'
  GROUP BY account, region, resource_id
)
SELECT
  concat_ws('/', a.account, a.region, a.resource_id) AS subject,
  'anomaly' AS cause,
  'warning' AS severity,
  since AS since,
  100e0 * ratio AS observed,
  100e0 * limit_ratio AS expected,
  'percent of the samples' AS measured_in,
  concat(
    'Anomalous are ', cast(anomalous AS varchar), ' of ', cast(samples AS varchar), ' samples of ', span,
    '; all metrics of the day: ', o.metrics, '.'
  ) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM above AS a
JOIN grave AS g ON g.account = a.account AND g.region = a.region AND g.resource_id = a.resource_id
JOIN odd AS o ON o.account = a.account AND o.region = a.region AND o.resource_id = a.resource_id
WHERE place = 1
