-- inputs.resource_hours: in how many hours of each day some resources ran, and were saturated.
--
-- Reads   silver.metric_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC
--         :resources       their ids, a space before and behind each
-- Window  0 days
--
-- A machine ran in the hours of which CPU utilization was observed. An hour is saturated whose P95 of CPU or memory is 99 % and more, as
-- where sizes are chosen.
WITH hourly AS (
  SELECT
    account, region, resource_id, date_trunc('day', hour) AS ts, hour,
    max(CASE WHEN metric = 'cpu_utilization' THEN 1 ELSE 0 END) AS ran,
    max(CASE WHEN coalesce(p95, max, mean) >= 99e0 THEN 1 ELSE 0 END) AS saturated
  FROM silver.metric_hourly
  WHERE hour >= :since AND hour < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
    AND metric IN ('cpu_utilization', 'memory_utilization') AND unit = 'percent' AND quality_flag <> 1 AND mean IS NOT NULL
    AND strpos(:resources, concat(' ', resource_id, ' ')) > 0
  GROUP BY account, region, resource_id, date_trunc('day', hour), hour
)
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  ts AS ts,
  sum(ran) AS hours,
  sum(CASE WHEN ran = 1 THEN saturated ELSE 0 END) AS saturated_hours
FROM hourly
GROUP BY account, region, resource_id, ts
ORDER BY account, region, resource_id, ts
