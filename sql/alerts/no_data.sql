-- alerts.no_data: what was measured delivers no samples any more
--
-- Reads   silver.metric_5min
-- Params  :end   end of the run's data interval
--         :alert_no_data_periods   a setting
-- Window  1 days
-- Rhythm  monitor
-- Severity  critical, warning
-- Means   Nobody sees what the resource does; of a source, what none of its resources does.
-- Do      See whether the agent or exporter runs, and the resource itself; of a source ask it by hand (`ingest --source`).
--
-- Silent is a resource of the last day of which no sample of any metric stands for the last `alert_no_data_periods` of its shortest
-- period, five minutes at least: a quarter of an hour where there is a sample each five minutes. A source is silent where all that it
-- tells of is: then that is told, and not each resource. After a day of silence `completeness` and `source_silent` tell of it.
WITH seen AS (
  SELECT
    account, region, resource_id, min(source) AS source, min(period_s) AS period_s,
    max(date_add('second', greatest(period_s, 300), ts)) AS until_at
  FROM silver.metric_5min
  WHERE ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND ts < :end
  GROUP BY account, region, resource_id
),
aged AS (
  SELECT
    concat_ws('/', account, region, resource_id) AS subject, 'warning' AS severity, concat('source ', source) AS depends_on,
    until_at, greatest(:alert_no_data_periods * period_s, 300) AS limit_s
  FROM seen
  UNION ALL
  SELECT
    concat('source ', source), 'critical', cast(NULL AS varchar),
    max(until_at), greatest(:alert_no_data_periods * min(period_s), 300)
  FROM seen
  GROUP BY source
)
SELECT
  subject AS subject,
  'samples now' AS cause,
  severity AS severity,
  until_at AS since,
  cast(date_diff('minute', until_at, cast(:end AS timestamp)) AS double) AS observed,
  cast(limit_s AS double) / 60e0 AS expected,
  'minutes without a sample' AS measured_in,
  cast(NULL AS varchar) AS detail,
  depends_on AS depends_on
FROM aged
WHERE date_diff('second', until_at, cast(:end AS timestamp)) >= limit_s
