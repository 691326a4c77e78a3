-- inputs.judged_series: how many series there are of each metric, cost among them, and how many of those detectors judged.
--
-- Reads   views.demand_hourly, views.demand_daily
-- Params  :since, :as_of   series seen in [since, as_of), UTC
--         :hours           observed hours that a series needs before it is judged
-- Window  0 days
--
-- Judged is what has enough hours, and one in the last 24. Cost is known by the day: no detector sees it.
WITH seen AS (
  SELECT
    series_id, metric,
    count(value) AS hours,
    max(CASE WHEN value IS NOT NULL THEN ts END) AS last_at
  FROM views.demand_hourly
  WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  GROUP BY series_id, metric
)
SELECT
  metric AS metric,
  count(*) AS series,
  count(*) FILTER (WHERE hours > :hours AND last_at >= :as_of - INTERVAL '24' HOUR) AS judged
FROM seen
GROUP BY metric
UNION ALL
SELECT metric AS metric, count(DISTINCT series_id) AS series, 0 AS judged
FROM views.demand_daily
WHERE metric = 'cost' AND ts >= :since AND ts < :as_of
GROUP BY metric
