-- inputs.cost_accuracy: how forecasts of all cost in dollars did, of days and months that ended lately, beside a seasonal naive.
--
-- Reads   gold.cost_forecast_score
-- Params  :as_of   of the run, UTC
-- Window  93 days
--
-- Amortised cost, all kinds; days up to a week ahead, months up to their own length. Sums are of decimals: of doubles they would
-- depend on the order of the rows.
SELECT
  granularity AS granularity,
  count(*) AS scored,
  cast(sum(cast(abs_error AS decimal(38, 9))) AS double) / nullif(cast(sum(cast(abs(actual) AS decimal(38, 9))) AS double), 0e0)
    AS wape,
  cast(sum(cast(naive_abs_error AS decimal(38, 9))) AS double)
    / nullif(cast(sum(cast(abs(actual) AS decimal(38, 9))) AS double), 0e0) AS naive_wape,
  cast(count(*) FILTER (WHERE hit_90) AS double) / cast(count(*) AS double) AS coverage_90
FROM gold.cost_forecast_score
WHERE last_day >= :as_of - INTERVAL '93' DAY AND last_day < :as_of AND as_of < :as_of
  AND cost = 'effective' AND currency = 'USD' AND level = 'total' AND kind = 'all'
  AND ((granularity = 'day' AND lead <= 7) OR (granularity = 'month' AND lead <= 30))
GROUP BY granularity
ORDER BY granularity
