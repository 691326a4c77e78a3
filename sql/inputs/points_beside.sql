-- inputs.points_beside: the hours of all metrics of the resources that have a series in one shard.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
-- Window  0 days
--
-- As inputs.points, but for the shard: the metrics of one resource lie in several.
WITH hours AS (
  SELECT account, region, resource_id, metric, series_id, ts, value, bucket
  FROM views.demand_hourly
  WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date) AND value IS NOT NULL
),
mine AS (
  SELECT DISTINCT account, region, resource_id
  FROM hours
  WHERE bucket % :shards = :shard
)
SELECT h.series_id AS series_id, h.account AS account, h.region AS region, h.resource_id AS resource_id, h.metric AS metric,
  h.ts AS ts, h.value AS value
FROM hours AS h
JOIN mine AS m ON m.account = h.account AND m.region = h.region AND m.resource_id = h.resource_id
ORDER BY series_id, ts
