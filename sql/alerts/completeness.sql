-- alerts.completeness: samples of a resource are missing
--
-- Reads   silver.metric_daily, views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :alert_completeness   a setting
-- Window  0 days
-- Severity  warning
-- Means   Forecasts and anomalies of the resource rest on less than they should, and a peak may have gone unseen.
-- Do      See whether the agent or exporter ran all day, and whether the resource itself did; then ingest the days again.
--
-- Over all metrics of the resource that have a row. It depends on the source that its samples came from, the first by name.
WITH counted AS (
  SELECT account, region, resource_id, sum(samples) AS samples, sum(expected_samples) AS expected_samples, min(ts) AS since
  FROM silver.metric_daily
  WHERE ts >= :start AND ts < :end
  GROUP BY account, region, resource_id
),
lacking AS (
  SELECT account, region, resource_id, samples, expected_samples, since
  FROM counted
  WHERE cast(samples AS double) / expected_samples < :alert_completeness
),
origin AS (
  SELECT account, region, resource_id, min(source) AS source
  FROM views.metric_point
  WHERE rule IS NULL AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY account, region, resource_id
)
SELECT
  concat_ws('/', l.account, l.region, l.resource_id) AS subject,
  'completeness' AS cause,
  'warning' AS severity,
  l.since AS since,
  100e0 * l.samples / l.expected_samples AS observed,
  100e0 * :alert_completeness AS expected,
  'percent of the samples' AS measured_in,
  cast(NULL AS varchar) AS detail,
  'source ' || o.source AS depends_on
FROM lacking AS l
LEFT JOIN origin AS o ON o.account = l.account AND o.region = l.region AND o.resource_id = l.resource_id
