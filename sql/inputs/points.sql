-- inputs.points: the hours that detectors see, those that they judge and the history before.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
-- Window  0 days
--
-- Hours without a p95 are left out beside imputed ones: a source that gives no peak is not searched for anomalies.
SELECT
  series_id AS series_id, account AS account, region AS region, resource_id AS resource_id, metric AS metric, unit AS unit,
  ts AS ts, value AS value
FROM views.demand_hourly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  AND value IS NOT NULL AND bucket % :shards = :shard
ORDER BY series_id, ts
