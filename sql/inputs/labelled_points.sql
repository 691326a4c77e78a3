-- inputs.labelled_points: the hours of resources of which people labelled an incident that began since, of all of their metrics.
--
-- Reads   gold.anomaly, views.demand_hourly
-- Params  :since, :as_of   hours in [since, as_of), UTC; labels not after as_of
-- Window  0 days, gold.anomaly 400 days
--
-- As inputs.points, but for the shard: hours without a p95 and imputed ones are left out.
WITH labelled AS (
  SELECT DISTINCT account, region, resource_id
  FROM gold.anomaly
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '400' DAY AND label IS NOT NULL
    AND started_at >= :since AND coalesce(kind, 'deviation') = 'deviation'
)
SELECT
  d.series_id AS series_id, d.account AS account, d.region AS region, d.resource_id AS resource_id, d.metric AS metric,
  d.ts AS ts, d.value AS value
FROM views.demand_hourly AS d
JOIN labelled AS l ON l.account = d.account AND l.region = d.region AND l.resource_id = d.resource_id
WHERE d.ts >= :since AND d.ts < :as_of AND d.day >= cast(:since AS date) AND d.day <= cast(:as_of AS date)
  AND d.value IS NOT NULL
ORDER BY series_id, ts
