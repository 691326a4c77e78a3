-- inputs.cost_ahead: what each service's usage cost in the 30 days before a moment, and is expected to cost in the 30 after it.
--
-- Reads   views.demand_daily, gold.forecast
-- Params  :as_of   of the run, UTC
-- Window  30 days, gold.forecast 0 days
--
-- Of the forecasts published as of that moment the medians are added up: what is likely, not what may be. A series is an account,
-- region and service; one without expected cost is too young to be forecast, or has ended. Sums are in decimals.
WITH ahead AS (
  SELECT series_id, cast(sum(cast(value AS decimal(38, 9))) AS double) AS expected_usd
  FROM gold.forecast
  WHERE as_of = :as_of AND metric = 'cost' AND granularity = 'day' AND quantile = 0.5e0
    AND ts >= :as_of AND ts < date_add('day', 30, :as_of)
  GROUP BY series_id
),
before AS (
  SELECT series_id, cast(sum(cast(value AS decimal(38, 9))) AS double) AS spent_usd
  FROM views.demand_daily
  WHERE metric = 'cost' AND ts >= date_add('day', -30, :as_of) AND ts < :as_of
  GROUP BY series_id
)
SELECT
  coalesce(b.series_id, a.series_id) AS series_id,
  b.spent_usd AS spent_usd,
  a.expected_usd AS expected_usd
FROM before AS b
FULL JOIN ahead AS a ON a.series_id = b.series_id
ORDER BY b.spent_usd DESC NULLS LAST, series_id
