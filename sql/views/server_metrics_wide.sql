-- views.server_metrics_wide: one server on one UTC day in 80 columns: what it did, whose it is, and how it has changed.
--
-- Reads   silver.metric_daily, silver.resource, silver.calendar
--
-- `…_p95` are the day's, as silver has them: 23 metrics of the system, those of an application and of a database; null where a source does
-- not give them. Windows are of days of the calendar, the row's own among them, and null where less than half of one was observed; a
-- lag is the value of exactly that day. `cpu_p95_anomaly_score` is the distance of the day from the mean of the 30 days before it, in
-- their standard deviations; `cpu_outlier` is silver's flag of CPU, `outliers` counts the metrics that have it; `risk_flag` marks a day on
-- which cpu, memory or disk were above 80 percent.
WITH measured AS (
  SELECT
    account, region, resource_id, ts,
    max(p95) FILTER (WHERE metric = 'cpu_utilization') AS cpu_p95,
    max(p95) FILTER (WHERE metric = 'cpu_user') AS cpu_user_p95,
    max(p95) FILTER (WHERE metric = 'cpu_system') AS cpu_system_p95,
    max(p95) FILTER (WHERE metric = 'cpu_iowait') AS cpu_iowait_p95,
    max(p95) FILTER (WHERE metric = 'cpu_steal') AS cpu_steal_p95,
    max(p95) FILTER (WHERE metric = 'load_1m') AS load_1m_p95,
    max(p95) FILTER (WHERE metric = 'load_5m') AS load_5m_p95,
    max(p95) FILTER (WHERE metric = 'load_15m') AS load_15m_p95,
    max(p95) FILTER (WHERE metric = 'load_per_cpu') AS load_per_cpu_p95,
    max(p95) FILTER (WHERE metric = 'memory_utilization') AS mem_p95,
    max(p95) FILTER (WHERE metric = 'swap_utilization') AS swap_utilization_p95,
    max(p95) FILTER (WHERE metric = 'major_page_faults') AS major_page_faults_p95,
    max(p95) FILTER (WHERE metric = 'disk_utilization') AS disk_p95,
    max(p95) FILTER (WHERE metric = 'inode_utilization') AS inode_utilization_p95,
    max(p95) FILTER (WHERE metric = 'disk_read') AS disk_read_p95,
    max(p95) FILTER (WHERE metric = 'disk_write') AS disk_write_p95,
    max(p95) FILTER (WHERE metric = 'disk_reads') AS disk_reads_p95,
    max(p95) FILTER (WHERE metric = 'disk_writes') AS disk_writes_p95,
    max(p95) FILTER (WHERE metric = 'disk_busy') AS disk_busy_p95,
    max(p95) FILTER (WHERE metric = 'network_in') AS net_in_p95,
    max(p95) FILTER (WHERE metric = 'network_out') AS net_out_p95,
    max(p95) FILTER (WHERE metric = 'network_errors') AS network_errors_p95,
    max(p95) FILTER (WHERE metric = 'tcp_connections') AS tcp_connections_p95,
    max(p95) FILTER (WHERE metric = 'request_count') AS request_count_p95,
    max(p95) FILTER (WHERE metric = 'error_rate') AS error_rate_p95,
    max(p95) FILTER (WHERE metric = 'response_time') AS response_time_p95,
    max(p95) FILTER (WHERE metric = 'throughput') AS throughput_p95,
    max(p95) FILTER (WHERE metric = 'DatabaseConnections') AS database_connections_p95,
    max(p95) FILTER (WHERE metric = 'ReadThroughput') AS database_read_p95,
    max(p95) FILTER (WHERE metric = 'WriteThroughput') AS database_write_p95,
    max(p95) FILTER (WHERE metric = 'ebs_read') AS ebs_read_p95,
    max(p95) FILTER (WHERE metric = 'ebs_write') AS ebs_write_p95,
    count(*) AS metrics,
    sum(samples) AS samples,
    sum(expected_samples) AS expected_samples,
    bool_or(outlier) FILTER (WHERE metric = 'cpu_utilization') AS cpu_outlier,
    sum(CASE WHEN outlier THEN 1 ELSE 0 END) AS outliers,
    max(quality_flag) AS quality_flag,
    min(quality_score) AS quality_score
  FROM silver.metric_daily
  GROUP BY account, region, resource_id, ts
)
SELECT
  m.ts AS ts,
  m.account AS account,
  m.region AS region,
  m.resource_id AS server_id,
  m.cpu_p95 AS cpu_p95,
  m.cpu_user_p95 AS cpu_user_p95,
  m.cpu_system_p95 AS cpu_system_p95,
  m.cpu_iowait_p95 AS cpu_iowait_p95,
  m.cpu_steal_p95 AS cpu_steal_p95,
  m.load_1m_p95 AS load_1m_p95,
  m.load_5m_p95 AS load_5m_p95,
  m.load_15m_p95 AS load_15m_p95,
  m.load_per_cpu_p95 AS load_per_cpu_p95,
  m.mem_p95 AS mem_p95,
  m.swap_utilization_p95 AS swap_utilization_p95,
  m.major_page_faults_p95 AS major_page_faults_p95,
  m.disk_p95 AS disk_p95,
  m.inode_utilization_p95 AS inode_utilization_p95,
  m.disk_read_p95 AS disk_read_p95,
  m.disk_write_p95 AS disk_write_p95,
  m.disk_reads_p95 AS disk_reads_p95,
  m.disk_writes_p95 AS disk_writes_p95,
  m.disk_busy_p95 AS disk_busy_p95,
  m.net_in_p95 AS net_in_p95,
  m.net_out_p95 AS net_out_p95,
  m.network_errors_p95 AS network_errors_p95,
  m.tcp_connections_p95 AS tcp_connections_p95,
  m.request_count_p95 AS request_count_p95,
  m.error_rate_p95 AS error_rate_p95,
  m.response_time_p95 AS response_time_p95,
  m.throughput_p95 AS throughput_p95,
  m.database_connections_p95 AS database_connections_p95,
  m.database_read_p95 AS database_read_p95,
  m.database_write_p95 AS database_write_p95,
  m.ebs_read_p95 AS ebs_read_p95,
  m.ebs_write_p95 AS ebs_write_p95,
  CASE WHEN 2 * count(m.cpu_p95) OVER seven_days >= 7
    THEN cast(sum(cast(m.cpu_p95 AS decimal(38, 9))) OVER seven_days AS double)
      / cast(count(m.cpu_p95) OVER seven_days AS double) END AS cpu_rolling_mean_7,
  CASE WHEN 2 * count(m.cpu_p95) OVER thirty_days >= 30
    THEN cast(sum(cast(m.cpu_p95 AS decimal(38, 9))) OVER thirty_days AS double)
      / cast(count(m.cpu_p95) OVER thirty_days AS double) END AS cpu_rolling_mean_30,
  max(m.cpu_p95) OVER yesterday AS cpu_lag1,
  m.cpu_p95 - max(m.cpu_p95) OVER yesterday AS cpu_change_1,
  max(m.cpu_p95) OVER week_ago AS cpu_lag7,
  m.cpu_p95 - max(m.cpu_p95) OVER week_ago AS cpu_change_7,
  CASE WHEN 2 * count(m.mem_p95) OVER seven_days >= 7
    THEN cast(sum(cast(m.mem_p95 AS decimal(38, 9))) OVER seven_days AS double)
      / cast(count(m.mem_p95) OVER seven_days AS double) END AS mem_rolling_mean_7,
  CASE WHEN 2 * count(m.mem_p95) OVER thirty_days >= 30
    THEN cast(sum(cast(m.mem_p95 AS decimal(38, 9))) OVER thirty_days AS double)
      / cast(count(m.mem_p95) OVER thirty_days AS double) END AS mem_rolling_mean_30,
  m.mem_p95 - max(m.mem_p95) OVER yesterday AS mem_change_1,
  m.mem_p95 - max(m.mem_p95) OVER week_ago AS mem_change_7,
  CASE WHEN 2 * count(m.disk_p95) OVER seven_days >= 7
    THEN cast(sum(cast(m.disk_p95 AS decimal(38, 9))) OVER seven_days AS double)
      / cast(count(m.disk_p95) OVER seven_days AS double) END AS disk_rolling_mean_7,
  m.disk_p95 - max(m.disk_p95) OVER yesterday AS disk_change_1,
  m.disk_p95 - max(m.disk_p95) OVER week_ago AS disk_change_7,
  CASE WHEN 2 * count(m.net_in_p95) OVER seven_days >= 7
    THEN cast(sum(cast(m.net_in_p95 AS decimal(38, 9))) OVER seven_days AS double)
      / cast(count(m.net_in_p95) OVER seven_days AS double) END AS net_in_rolling_mean_7,
  CASE WHEN 2 * count(m.net_in_p95) OVER thirty_days >= 30
    THEN cast(sum(cast(m.net_in_p95 AS decimal(38, 9))) OVER thirty_days AS double)
      / cast(count(m.net_in_p95) OVER thirty_days AS double) END AS net_in_rolling_mean_30,
  m.net_in_p95 - max(m.net_in_p95) OVER yesterday AS net_in_change_1,
  m.net_in_p95 - max(m.net_in_p95) OVER week_ago AS net_in_change_7,
  CASE WHEN 2 * count(m.net_out_p95) OVER seven_days >= 7
    THEN cast(sum(cast(m.net_out_p95 AS decimal(38, 9))) OVER seven_days AS double)
      / cast(count(m.net_out_p95) OVER seven_days AS double) END AS net_out_rolling_mean_7,
  m.net_out_p95 - max(m.net_out_p95) OVER yesterday AS net_out_change_1,
  m.net_out_p95 - max(m.net_out_p95) OVER week_ago AS net_out_change_7,
  CASE
    WHEN count(m.cpu_p95) OVER month_before >= 15
      AND stddev_samp(m.cpu_p95) OVER month_before > 1e-6
    THEN round((
      m.cpu_p95
      - cast(sum(cast(m.cpu_p95 AS decimal(38, 9))) OVER month_before AS double)
        / cast(count(m.cpu_p95) OVER month_before AS double)
    ) / stddev_samp(m.cpu_p95) OVER month_before, 6) END AS cpu_p95_anomaly_score,
  m.cpu_outlier AS cpu_outlier,
  m.outliers AS outliers,
  coalesce(m.cpu_p95 > 80e0, false) OR coalesce(m.mem_p95 > 80e0, false) OR coalesce(m.disk_p95 > 80e0, false) AS risk_flag,
  r.app_name AS app_name,
  r.business_unit AS business_unit,
  r.criticality AS criticality,
  r.server_type AS server_type,
  r.environment AS environment,
  r.service AS service,
  r.instance_type AS instance_type,
  k.year AS year,
  k.month_of_year AS month,
  k.quarter AS quarter,
  k.day_of_week AS dayofweek,
  k.is_weekend AS is_weekend,
  k.is_holiday AS is_holiday,
  k.is_quarter_end AS is_eoq,
  k.quarter_end_ramp AS quarter_end_ramp,
  m.metrics AS metrics,
  m.samples AS samples,
  m.expected_samples AS expected_samples,
  m.quality_flag AS quality_flag,
  m.quality_score AS quality_score
FROM measured AS m
LEFT JOIN silver.resource AS r
  ON r.account = m.account AND r.region = m.region AND r.resource_id = m.resource_id AND r.ts = m.ts
LEFT JOIN silver.calendar AS k ON k.ts = m.ts
WINDOW
  seven_days AS (PARTITION BY m.account, m.region, m.resource_id ORDER BY m.ts RANGE BETWEEN INTERVAL '6' DAY PRECEDING AND CURRENT ROW),
  thirty_days AS (PARTITION BY m.account, m.region, m.resource_id ORDER BY m.ts RANGE BETWEEN INTERVAL '29' DAY PRECEDING AND CURRENT ROW),
  yesterday AS (PARTITION BY m.account, m.region, m.resource_id ORDER BY m.ts RANGE BETWEEN INTERVAL '1' DAY PRECEDING AND INTERVAL '1' DAY PRECEDING),
  week_ago AS (PARTITION BY m.account, m.region, m.resource_id ORDER BY m.ts RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND INTERVAL '7' DAY PRECEDING),
  month_before AS (PARTITION BY m.account, m.region, m.resource_id ORDER BY m.ts RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND INTERVAL '1' DAY PRECEDING)
