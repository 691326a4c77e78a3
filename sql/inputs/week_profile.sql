-- inputs.week_profile: what a resource does at each of the 168 hours of a week, while it is in use and at its peaks.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
-- Window  0 days
--
-- An hour counts as in use where CPU is at least a tenth of the resource's own P95 hour: what is switched off at night has no night,
-- rather than a quiet one. Means are of natural logarithms, so that a resource of twice the load has the same shape; they are sums of
-- decimals, which no order of rows changes. Peaks are of all hours, in use or not: the smallest value that 95 % of them do not exceed,
-- which of fewer than twenty is the largest. `day_of_week` 0 is Monday, as 1970-01-05 was one.
WITH side_by_side AS (
  SELECT
    account, region, resource_id, ts,
    max(value) FILTER (WHERE metric = 'cpu_utilization') AS cpu,
    max(value) FILTER (WHERE metric = 'memory_utilization') AS memory,
    max(value) FILTER (WHERE metric = 'network_in') AS network
  FROM views.demand_hourly
  WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
    AND metric IN ('cpu_utilization', 'memory_utilization', 'network_in') AND value IS NOT NULL
  GROUP BY account, region, resource_id, ts
),
ranked AS (
  SELECT
    account, region, resource_id, ts, cpu, memory, network,
    date_diff('day', TIMESTAMP '1970-01-05 00:00:00', ts) % 7 AS day_of_week,
    date_diff('hour', date_trunc('day', ts), ts) AS hour_of_day,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY cpu, ts) AS place,
    count(*) OVER (PARTITION BY account, region, resource_id) AS hours
  FROM side_by_side
  WHERE cpu IS NOT NULL
),
busy AS (
  SELECT
    account, region, resource_id, day_of_week, hour_of_day, cpu, memory, network,
    max(CASE WHEN place * 20 <= hours * 19 THEN cpu END) OVER (PARTITION BY account, region, resource_id) AS p95,
    row_number() OVER (PARTITION BY account, region, resource_id, day_of_week, hour_of_day ORDER BY cpu, ts) AS cpu_place,
    row_number() OVER (
      PARTITION BY account, region, resource_id, day_of_week, hour_of_day ORDER BY memory NULLS LAST, ts
    ) AS memory_place,
    count(*) OVER (PARTITION BY account, region, resource_id, day_of_week, hour_of_day) AS cpu_hours,
    count(memory) OVER (PARTITION BY account, region, resource_id, day_of_week, hour_of_day) AS memory_hours
  FROM ranked
),
used AS (
  SELECT
    account, region, resource_id, day_of_week, hour_of_day, memory_hours,
    CASE WHEN cpu_place * 20 >= cpu_hours * 19 THEN cpu END AS cpu_peak,
    CASE WHEN memory_place * 20 >= memory_hours * 19 THEN memory END AS memory_peak,
    CASE WHEN cpu >= 1e-1 * p95 THEN cast(ln(greatest(cpu, 1e-6)) AS decimal(18, 9)) END AS cpu,
    CASE WHEN cpu >= 1e-1 * p95 THEN cast(ln(greatest(memory, 1e-6)) AS decimal(18, 9)) END AS memory,
    CASE WHEN cpu >= 1e-1 * p95 THEN cast(ln(greatest(network, 1e-6)) AS decimal(18, 9)) END AS network
  FROM busy
)
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  day_of_week AS day_of_week,
  hour_of_day AS hour_of_day,
  count(*) AS hours,
  max(memory_hours) AS memory_hours,
  min(cpu_peak) AS cpu_p95,
  min(memory_peak) AS memory_p95,
  count(cpu) AS used,
  cast(sum(cpu) AS double) / cast(nullif(count(cpu), 0) AS double) AS cpu_ln,
  cast(sum(memory) AS double) / cast(nullif(count(memory), 0) AS double) AS memory_ln,
  cast(sum(network) AS double) / cast(nullif(count(network), 0) AS double) AS network_ln,
  cast(sum(cast(cpu * cpu AS decimal(18, 9))) AS double) / cast(nullif(count(cpu), 0) AS double) AS cpu_ln_squared
FROM used
GROUP BY account, region, resource_id, day_of_week, hour_of_day
ORDER BY account, region, resource_id, day_of_week, hour_of_day
