-- inputs.demand_hourly: the hours that models learn from.
--
-- Reads   views.demand_hourly
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
--         :metric           only this metric; all when empty
-- Window  0 days
--
-- A series that has fallen silent is here still: whoever forecasts decides whether it has ended.
SELECT series_id AS series_id, metric AS metric, unit AS unit, ts AS ts, value AS value
FROM views.demand_hourly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
  AND bucket % :shards = :shard AND (:metric = '' OR metric = :metric)
ORDER BY series_id, ts
