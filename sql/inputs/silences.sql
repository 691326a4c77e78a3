-- inputs.silences: stretches of hours without a sample, of series that had samples before.
--
-- Reads   silver.metric_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :missing_hours    hours without a sample
-- Window  0 days
--
-- A series is here by the hour or finer: an hour is expected after each. `next_at` is null where it is silent still; `observed` are
-- its hours up to `last_at`, `heard` the hours of the silence in which any series of the account and region had a sample. Most days
-- have no silence and are one stretch each: hours, of which there are millions, are put in order of the other days alone.
WITH by_day AS (
  SELECT
    series_id, day, min(account) AS account, min(region) AS region, min(resource_id) AS resource_id, min(metric) AS metric,
    min(unit) AS unit, min(hour) AS first_at, max(hour) AS last_at, count(*) AS hours,
    date_diff('hour', min(hour), max(hour)) + 1 - count(*) >= :missing_hours AS may_be_silent
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
    AND hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  GROUP BY series_id, day
),
stretches AS (
  SELECT series_id, first_at, last_at, hours
  FROM by_day
  WHERE NOT may_be_silent
  UNION ALL
  SELECT o.series_id, o.hour, o.hour, 1
  FROM silver.metric_hourly AS o
  JOIN by_day AS d ON d.series_id = o.series_id AND d.day = o.day
  WHERE d.may_be_silent AND o.quality_flag <> 1
    AND o.hour >= :since AND o.hour < :as_of AND o.day >= cast(:since AS date) AND o.day <= cast(:as_of AS date)
),
followed AS (
  SELECT
    series_id, last_at,
    lead(first_at) OVER (PARTITION BY series_id ORDER BY first_at) AS next_at,
    min(first_at) OVER (PARTITION BY series_id ORDER BY first_at) AS first_at,
    sum(hours) OVER (PARTITION BY series_id ORDER BY first_at) AS observed
  FROM stretches
),
silent AS (
  SELECT
    series_id, last_at, next_at, first_at, observed,
    date_diff('hour', last_at, coalesce(next_at, cast(:as_of AS timestamp))) - 1 AS hours
  FROM followed
  WHERE date_diff('hour', last_at, coalesce(next_at, cast(:as_of AS timestamp))) - 1 >= :missing_hours
),
audible AS (
  SELECT
    account, region, hour,
    row_number() OVER (PARTITION BY account, region ORDER BY hour) AS place,
    count(*) OVER (PARTITION BY account, region) AS hours
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
    AND hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  GROUP BY account, region, hour
)
SELECT
  s.series_id AS series_id, o.account AS account, o.region AS region, o.resource_id AS resource_id, o.metric AS metric,
  o.unit AS unit, s.first_at AS first_at, s.last_at AS last_at, s.next_at AS next_at, s.observed AS observed,
  s.hours AS hours, coalesce(n.place - 1, l.hours) - l.place AS heard
FROM silent AS s
JOIN by_day AS o ON o.series_id = s.series_id AND o.day = cast(s.last_at AS date)
JOIN audible AS l ON l.account = o.account AND l.region = o.region AND l.hour = s.last_at
LEFT JOIN audible AS n ON n.account = o.account AND n.region = o.region AND n.hour = s.next_at
ORDER BY series_id, last_at
