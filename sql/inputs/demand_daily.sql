-- inputs.demand_daily: the days that models learn from, cost among them.
--
-- Reads   views.demand_daily
-- Params  :since, :as_of    days in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
--         :metric           only this metric; all when empty
-- Window  0 days
--
-- A series of cost has no bucket and stands in every shard: who asks for one shard takes those of its series itself.
SELECT series_id AS series_id, metric AS metric, unit AS unit, ts AS ts, value AS value
FROM views.demand_daily
WHERE ts >= :since AND ts < :as_of AND (bucket IS NULL OR bucket % :shards = :shard) AND (:metric = '' OR metric = :metric)
ORDER BY series_id, ts
