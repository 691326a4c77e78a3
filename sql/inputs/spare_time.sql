-- inputs.spare_time: how busy what is not in production was, hour by hour.
--
-- Reads   silver.metric_hourly, silver.resource
-- Params  :since, :as_of   hours in [since, as_of), UTC
-- Window  0 days
--
-- Weeks of hours are many rows: only of resources whose label `environment`, as last seen, does not begin with prod. Imputed hours
-- are left out.
WITH ranked AS (
  SELECT
    account, region, resource_id, environment,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY ts DESC) AS recency
  FROM silver.resource
  WHERE ts >= :since AND ts < :as_of
)
SELECT
  m.account AS account,
  m.region AS region,
  m.resource_id AS resource_id,
  m.hour AS hour,
  CASE WHEN m.p95 IS NULL THEN m.max ELSE m.p95 END AS p95
FROM silver.metric_hourly AS m
JOIN ranked AS r ON r.account = m.account AND r.region = m.region AND r.resource_id = m.resource_id
WHERE r.recency = 1
  AND r.environment IS NOT NULL
  AND lower(r.environment) NOT LIKE 'prod%'
  AND m.metric = 'cpu_utilization'
  AND m.quality_flag <> 1
  AND m.hour >= :since AND m.hour < :as_of AND m.day >= cast(:since AS date) AND m.day <= cast(:as_of AS date)
ORDER BY m.account, m.region, m.resource_id, m.hour
