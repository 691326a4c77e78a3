-- inputs.feature_days: the demand of a resource by the day that features are made from, metrics side by side.
--
-- Reads   views.demand_daily, silver.metric_daily
-- Params  :since, :as_of    days in [since, as_of), UTC
-- Window  0 days
--
-- What demand is says the view; whose it is, the table behind it. A metric that was not observed on a day is null, and a day without
-- any has no row.
SELECT
  m.account AS account, m.region AS region, m.resource_id AS resource_id, d.ts AS ts,
  max(d.value) FILTER (WHERE d.metric = 'cpu_utilization') AS cpu,
  max(d.value) FILTER (WHERE d.metric = 'memory_utilization') AS memory,
  max(d.value) FILTER (WHERE d.metric = 'network_in') AS network
FROM views.demand_daily AS d
JOIN silver.metric_daily AS m ON m.series_id = d.series_id AND m.ts = d.ts
WHERE d.ts >= :since AND d.ts < :as_of AND m.ts >= :since AND m.ts < :as_of
  AND d.metric IN ('cpu_utilization', 'memory_utilization', 'network_in') AND d.value IS NOT NULL
GROUP BY m.account, m.region, m.resource_id, d.ts
ORDER BY m.account, m.region, m.resource_id, d.ts
