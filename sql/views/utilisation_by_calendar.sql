-- views.utilisation_by_calendar: utilisation by server type and the kind of day: quarter, month, weekday, quarter end, holiday.
--
-- Reads   views.server_metrics
--
-- One row per server type and combination of calendar facts; average over rows with `server_days` as the weight.
SELECT
  coalesce(server_type, 'unknown') AS server_type,
  year AS year,
  quarter AS quarter,
  month AS month,
  dayofweek AS dayofweek,
  is_weekend AS is_weekend,
  is_eoq AS is_eoq,
  is_holiday AS is_holiday,
  count(*) AS server_days,
  avg(cpu_p95) AS cpu_mean,
  avg(mem_p95) AS mem_mean,
  avg(disk_p95) AS disk_mean,
  avg(net_in_p95) AS net_in_mean,
  avg(net_out_p95) AS net_out_mean
FROM views.server_metrics
GROUP BY coalesce(server_type, 'unknown'), year, quarter, month, dayofweek, is_weekend, is_eoq, is_holiday
