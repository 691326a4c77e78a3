-- inputs.explored_hours: what a metric does at each hour of the week, over all resources.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC
-- Window  0 days
--
-- Days of the week count from Monday, 0: 1970-01-05 was one.
SELECT
  metric AS metric,
  date_diff('day', TIMESTAMP '1970-01-05 00:00:00', ts) % 7 AS day_of_week,
  date_diff('hour', date_trunc('day', ts), ts) AS hour_of_day,
  cast(sum(cast(value AS decimal(38, 9))) AS double) / cast(nullif(count(*), 0) AS double) AS mean,
  count(*) AS hours
FROM views.demand_hourly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date) AND value IS NOT NULL
GROUP BY metric, date_diff('day', TIMESTAMP '1970-01-05 00:00:00', ts) % 7, date_diff('hour', date_trunc('day', ts), ts)
ORDER BY metric, day_of_week, hour_of_day
