-- views.server_metrics: one server on one UTC day in eighteen columns, with its labels and the calendar.
--
-- Reads   silver.metric_daily, silver.resource, silver.calendar
--
-- Values are the day's p95: percent for cpu, mem and disk, Mbps for net. A server without a snapshot on a day keeps its values
-- and has no labels. `dayofweek` is 0 for Monday; `is_eoq` marks the last five days of a quarter.
WITH measured AS (
  SELECT
    account, region, resource_id, ts,
    max(p95) FILTER (WHERE metric = 'cpu_utilization') AS cpu_p95,
    max(p95) FILTER (WHERE metric = 'memory_utilization') AS mem_p95,
    max(p95) FILTER (WHERE metric = 'disk_utilization') AS disk_p95,
    max(p95) FILTER (WHERE metric = 'network_in') AS net_in_p95,
    max(p95) FILTER (WHERE metric = 'network_out') AS net_out_p95
  FROM silver.metric_daily
  WHERE metric IN ('cpu_utilization', 'memory_utilization', 'disk_utilization', 'network_in', 'network_out')
  GROUP BY account, region, resource_id, ts
)
SELECT
  m.ts AS ts,
  m.resource_id AS server_id,
  m.cpu_p95 AS cpu_p95,
  m.mem_p95 AS mem_p95,
  m.disk_p95 AS disk_p95,
  m.net_in_p95 AS net_in_p95,
  m.net_out_p95 AS net_out_p95,
  r.app_name AS app_name,
  r.business_unit AS business_unit,
  r.criticality AS criticality,
  m.region AS region,
  r.server_type AS server_type,
  c.year AS year,
  c.month_of_year AS month,
  c.quarter AS quarter,
  c.day_of_week AS dayofweek,
  c.is_weekend AS is_weekend,
  c.is_quarter_end AS is_eoq,
  c.is_holiday AS is_holiday
FROM measured AS m
LEFT JOIN silver.resource AS r
  ON r.account = m.account AND r.region = m.region AND r.resource_id = m.resource_id AND r.ts = m.ts
LEFT JOIN silver.calendar AS c ON c.ts = m.ts
