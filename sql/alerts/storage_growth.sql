-- alerts.storage_growth: a disk or bucket grew in a day as it does not
--
-- Reads   silver.metric_daily
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :alert_storage_growth_pct, :alert_storage_growth_gb   settings
-- Window  36 days
-- Severity  warning
-- Ends    untold
-- Means   Something writes that did not before: a log, a dump, a job that does not clean up. It is paid for until it is deleted.
-- Do      See what is new and large there (du, or the bucket's inventory) and who wrote it; delete it, or let it expire.
--
-- A disk by `alert_storage_growth_pct` points of its size, a bucket by as many percent of what it held and by `alert_storage_growth_gb`,
-- from one day to the next, and by more than twice the most that it grew in a day of the four weeks before, of which half must be
-- known; not where it did so in the week before already. So growth that goes on is told once; what it leads to is told by disk_full,
-- capacity_risk and cost_anomaly. A day's level is its p95; a bucket's is that of its storage classes together, on days that know the
-- same number of them. It shares its cause with the other rules on that disk: as grave they are one message, a graver one is told alone.
WITH level AS (
  SELECT
    account, region, resource_id, unit, ts, count(*) AS classes,
    CASE WHEN metric = 'disk_utilization' THEN 'disk_utilization' ELSE 'bucket size' END AS cause,
    cast(sum(cast(CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS decimal(38, 6))) AS double) AS value
  FROM silver.metric_daily
  WHERE ts >= :start - INTERVAL '36' DAY AND ts < :end AND quality_flag = 0 AND p95 IS NOT NULL
    AND ((metric = 'disk_utilization' AND unit = 'percent') OR (metric LIKE 'BucketSizeBytes:%' AND unit = 'count'))
  GROUP BY
    account, region, resource_id, unit, ts, CASE WHEN metric = 'disk_utilization' THEN 'disk_utilization' ELSE 'bucket size' END
),
followed AS (
  SELECT
    account, region, resource_id, cause, unit, ts, value, classes,
    lag(value) OVER days AS value_before, lag(ts) OVER days AS ts_before, lag(classes) OVER days AS classes_before
  FROM level
  WINDOW days AS (PARTITION BY account, region, resource_id, cause ORDER BY ts)
),
grown AS (
  SELECT
    account, region, resource_id, cause, unit, ts, value, value_before, value - value_before AS growth
  FROM followed
  WHERE ts_before = ts - INTERVAL '1' DAY AND classes_before = classes
),
beside AS (
  SELECT
    account, region, resource_id, cause, unit, ts, value, value_before, growth,
    count(*) OVER weeks AS days, greatest(max(growth) OVER weeks, 0e0) AS most
  FROM grown
  WINDOW weeks AS (
    PARTITION BY account, region, resource_id, cause
    ORDER BY ts RANGE BETWEEN INTERVAL '28' DAY PRECEDING AND INTERVAL '1' DAY PRECEDING
  )
),
unusual AS (
  SELECT
    account, region, resource_id, cause, unit, ts, value, value_before, growth, most,
    lag(ts) OVER (PARTITION BY account, region, resource_id, cause ORDER BY ts) AS unusual_at
  FROM beside
  WHERE ts >= :start - INTERVAL '7' DAY AND days >= 14 AND growth > 2e0 * most
    AND (
      (unit = 'percent' AND growth >= :alert_storage_growth_pct)
      OR (unit = 'count' AND growth >= 1e9 * :alert_storage_growth_gb AND 100e0 * growth >= :alert_storage_growth_pct * value_before)
    )
),
fresh AS (
  SELECT
    account, region, resource_id, cause, unit, ts, value, value_before, growth, most,
    row_number() OVER (PARTITION BY account, region, resource_id, cause ORDER BY ts) AS place
  FROM unusual
  WHERE ts >= :start AND (unusual_at IS NULL OR unusual_at < ts - INTERVAL '7' DAY)
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  cause AS cause,
  'warning' AS severity,
  ts AS since,
  CASE WHEN unit = 'percent' THEN growth ELSE growth / 1e9 END AS observed,
  CASE WHEN unit = 'percent' THEN most ELSE most / 1e9 END AS expected,
  CASE WHEN unit = 'percent' THEN 'points in a day' ELSE 'GB in a day' END AS measured_in,
  'From ' || cast(cast(round(CASE WHEN unit = 'percent' THEN value_before ELSE value_before / 1e9 END) AS bigint) AS varchar)
    || ' to ' || cast(cast(round(CASE WHEN unit = 'percent' THEN value ELSE value / 1e9 END) AS bigint) AS varchar)
    || CASE WHEN unit = 'percent' THEN ' percent' ELSE ' GB' END
    || '; expected is the most of a day in the four weeks before.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM fresh
WHERE place = 1
