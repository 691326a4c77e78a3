-- views.cost_accuracy_by_lead: how good published forecasts of cost were, by how many days ahead they looked.
--
-- Reads   gold.cost_forecast_score
--
-- `lead` counts days from a forecast to the end of the day, month or quarter: a month at lead 20 has twenty days to come. Shares are
-- of money, so that a dear service counts for more. `skill` compares with the seasonal naive from the same cutoffs: below 0, it
-- would have been the better forecast.
SELECT
  cost AS cost,
  currency AS currency,
  level AS level,
  kind AS kind,
  granularity AS granularity,
  lead AS lead,
  count(*) AS scored,
  count(DISTINCT as_of) AS forecasts,
  avg(abs_error) AS mae,
  sum(abs_error) / nullif(sum(abs(actual)), 0e0) AS wape,
  sum(-error) / nullif(sum(abs(actual)), 0e0) AS bias,
  sum(pinball) / nullif(sum(abs(actual)), 0e0) AS scaled_pinball,
  avg(CASE WHEN hit_50 THEN 1e0 ELSE 0e0 END) AS coverage_50,
  avg(CASE WHEN hit_80 THEN 1e0 ELSE 0e0 END) AS coverage_80,
  avg(CASE WHEN hit_90 THEN 1e0 ELSE 0e0 END) AS coverage_90,
  sum(naive_abs_error) / nullif(sum(abs(actual)), 0e0) AS naive_wape,
  1e0 - sum(abs_error) / nullif(sum(naive_abs_error), 0e0) AS skill
FROM gold.cost_forecast_score
GROUP BY cost, currency, level, kind, granularity, lead
