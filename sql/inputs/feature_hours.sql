-- inputs.feature_hours: the demand of a resource by the hour that features are made from, metrics side by side.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
-- Window  0 days
--
-- A metric that was not observed in an hour is null, and an hour without any has no row.
SELECT
  account AS account, region AS region, resource_id AS resource_id, ts AS ts,
  max(value) FILTER (WHERE metric = 'cpu_utilization') AS cpu,
  max(value) FILTER (WHERE metric = 'memory_utilization') AS memory,
  max(value) FILTER (WHERE metric = 'network_in') AS network
FROM views.demand_hourly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  AND metric IN ('cpu_utilization', 'memory_utilization', 'network_in') AND value IS NOT NULL
GROUP BY account, region, resource_id, ts
ORDER BY account, region, resource_id, ts
