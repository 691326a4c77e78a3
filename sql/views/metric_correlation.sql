-- views.metric_correlation: how the metrics of a server move together, per server type.
--
-- Reads   views.server_metrics
--
-- Pearson's correlation over server days of p95 values, both servers' differences and days' changes mixed. Null where a metric is
-- missing or never changes.
SELECT
  coalesce(server_type, 'unknown') AS server_type,
  count(*) AS server_days,
  corr(cpu_p95, mem_p95) AS cpu_mem,
  corr(cpu_p95, disk_p95) AS cpu_disk,
  corr(cpu_p95, net_in_p95) AS cpu_net,
  corr(mem_p95, disk_p95) AS mem_disk,
  corr(mem_p95, net_in_p95) AS mem_net,
  corr(disk_p95, net_in_p95) AS disk_net
FROM views.server_metrics
GROUP BY coalesce(server_type, 'unknown')
