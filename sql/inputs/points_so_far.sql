-- inputs.points_so_far: the hours that detectors see before their day is over: those that a day's run built, then those observed so far.
--
-- Reads   views.demand_hourly, silver.hour_observed
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
-- Window  0 days
--
-- Of a day of which a run built anything that alone counts. What else is left out is as in inputs.points. The days are asked for by
-- themselves: an engine would keep what it reads twice, and that is all series of four weeks.
WITH built AS (
  SELECT DISTINCT day
  FROM views.demand_hourly
  WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
)
SELECT
  s.series_id AS series_id, s.account AS account, s.region AS region, s.resource_id AS resource_id, s.metric AS metric, s.unit AS unit,
  s.ts AS ts, s.value AS value
FROM views.demand_hourly AS s
WHERE s.ts >= :since AND s.ts < :as_of AND s.day >= cast(:since AS date) AND s.day <= cast(:as_of AS date)
  AND s.value IS NOT NULL AND s.bucket % :shards = :shard
UNION ALL
SELECT
  o.series_id AS series_id, o.account AS account, o.region AS region, o.resource_id AS resource_id, o.metric AS metric, o.unit AS unit,
  o.ts AS ts, o.value AS value
FROM silver.hour_observed AS o
LEFT JOIN built AS b ON b.day = o.day
WHERE o.ts >= :since AND o.ts < :as_of AND o.day >= cast(:since AS date) AND o.day <= cast(:as_of AS date)
  AND b.day IS NULL AND o.bucket % :shards = :shard
ORDER BY series_id, ts
