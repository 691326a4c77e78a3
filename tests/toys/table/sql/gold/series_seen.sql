-- gold.series_seen: how many hours of a metric were observed, and forecast, by the day.
--
-- Reads   silver.metric_hourly, gold.forecast
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, gold.forecast 30 days
--
-- An hour counts as forecast once, however many forecasts of it there were.
SELECT
  m.metric AS metric,
  date_trunc('day', m.hour) AS ts,
  count(*) AS hours,
  count(f.ts) AS forecasts
FROM silver.metric_hourly AS m
LEFT JOIN (
  SELECT DISTINCT series_id, ts
  FROM gold.forecast
  WHERE granularity = 'hour' AND as_of >= :start - INTERVAL '30' DAY AND as_of <= :end
) AS f
  ON f.series_id = m.series_id AND f.ts = m.hour
WHERE m.hour >= :start AND m.hour < :end
GROUP BY m.metric, date_trunc('day', m.hour)
