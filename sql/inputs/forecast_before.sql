-- inputs.forecast_before: of each hour the newest forecast that was made before it.
--
-- Reads   gold.forecast
-- Params  :since, :as_of    hours in [since, as_of), UTC
--         :shard, :shards   the series of one shard of so many, by their bucket
-- Window  8 days
--
-- Made before is what was believed at a moment not after the hour, from observations before it. One that is older than a week is none.
WITH made AS (
  SELECT
    series_id, ts, as_of,
    max(value) FILTER (WHERE quantile = 0.05e0) AS lower,
    max(value) FILTER (WHERE quantile = 0.5e0) AS expected,
    max(value) FILTER (WHERE quantile = 0.95e0) AS upper
  FROM gold.forecast
  WHERE granularity = 'hour' AND ts >= :since AND ts < :as_of AND as_of <= ts AND cutoff < ts AND as_of > ts - INTERVAL '7' DAY
    AND as_of > cast(:since AS timestamp) - INTERVAL '8' DAY AND as_of < :as_of AND bucket % :shards = :shard
  GROUP BY series_id, ts, as_of
),
ranked AS (
  SELECT
    series_id, ts, lower, expected, upper, row_number() OVER (PARTITION BY series_id, ts ORDER BY as_of DESC) AS recency
  FROM made
)
SELECT series_id AS series_id, ts AS ts, lower AS lower, expected AS expected, upper AS upper
FROM ranked
WHERE recency = 1
ORDER BY series_id, ts
