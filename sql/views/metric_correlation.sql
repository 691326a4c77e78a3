-- views.metric_correlation: how the metrics of a server move together, per server type.
--
-- Reads   views.server_metrics
--
-- Pearson's correlation over server days of p95 values, both servers' differences and days' changes mixed. Null where a metric is
-- missing or never changes: below a millionth it does not, and the sums of such changes would be noise beyond ±1.
SELECT
  coalesce(server_type, 'unknown') AS server_type,
  count(*) AS server_days,
  least(1e0, greatest(-1e0, corr(round(cpu_p95, 6), round(mem_p95, 6)))) AS cpu_mem,
  least(1e0, greatest(-1e0, corr(round(cpu_p95, 6), round(disk_p95, 6)))) AS cpu_disk,
  least(1e0, greatest(-1e0, corr(round(cpu_p95, 6), round(net_in_p95, 6)))) AS cpu_net,
  least(1e0, greatest(-1e0, corr(round(mem_p95, 6), round(disk_p95, 6)))) AS mem_disk,
  least(1e0, greatest(-1e0, corr(round(mem_p95, 6), round(net_in_p95, 6)))) AS mem_net,
  least(1e0, greatest(-1e0, corr(round(disk_p95, 6), round(net_in_p95, 6)))) AS disk_net
FROM views.server_metrics
GROUP BY coalesce(server_type, 'unknown')
