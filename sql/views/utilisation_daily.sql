-- views.utilisation_daily: the fleet's utilisation by day and server type.
--
-- Reads   views.server_metrics
--
-- Means and peaks are over the servers' daily p95, so a day's mean says how busy a typical server's busy time was.
SELECT
  ts AS ts,
  coalesce(server_type, 'unknown') AS server_type,
  count(*) AS servers,
  avg(cpu_p95) AS cpu_mean,
  max(cpu_p95) AS cpu_highest,
  avg(mem_p95) AS mem_mean,
  max(mem_p95) AS mem_highest,
  avg(disk_p95) AS disk_mean,
  avg(net_in_p95) AS net_in_mean,
  avg(net_out_p95) AS net_out_mean
FROM views.server_metrics
GROUP BY ts, coalesce(server_type, 'unknown')
