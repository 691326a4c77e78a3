-- inputs.silences: stretches of hours without a sample, of series that had samples before.
--
-- Reads   silver.metric_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :missing_hours    hours without a sample
-- Window  0 days
--
-- A series is here by the hour or finer: an hour is expected after each. `next_at` is null where it is silent still; `observed` are
-- its hours up to `last_at`, `heard` the hours of the silence in which any series of the account and region had a sample.
WITH observed AS (
  SELECT series_id, account, region, resource_id, metric, unit, hour
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
    AND hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
),
followed AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, hour AS last_at,
    lead(hour) OVER (PARTITION BY series_id ORDER BY hour) AS next_at,
    min(hour) OVER (PARTITION BY series_id) AS first_at,
    row_number() OVER (PARTITION BY series_id ORDER BY hour) AS observed
  FROM observed
),
silent AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, last_at, next_at, first_at, observed,
    date_diff('hour', last_at, coalesce(next_at, cast(:as_of AS timestamp))) - 1 AS hours
  FROM followed
  WHERE date_diff('hour', last_at, coalesce(next_at, cast(:as_of AS timestamp))) - 1 >= :missing_hours
),
audible AS (
  SELECT DISTINCT account, region, hour
  FROM observed
)
SELECT
  s.series_id AS series_id, s.account AS account, s.region AS region, s.resource_id AS resource_id, s.metric AS metric,
  s.unit AS unit, s.first_at AS first_at, s.last_at AS last_at, s.next_at AS next_at, s.observed AS observed,
  s.hours AS hours, count(a.hour) AS heard
FROM silent AS s
LEFT JOIN audible AS a
  ON a.account = s.account AND a.region = s.region AND a.hour > s.last_at AND a.hour < coalesce(s.next_at, cast(:as_of AS timestamp))
GROUP BY
  s.series_id, s.account, s.region, s.resource_id, s.metric, s.unit, s.first_at, s.last_at, s.next_at, s.observed, s.hours
ORDER BY series_id, last_at
