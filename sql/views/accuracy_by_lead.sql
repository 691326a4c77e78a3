-- views.accuracy_by_lead: how good published forecasts were, by how far ahead they looked.
--
-- Reads   gold.forecast_score
--
-- `lead` counts hours or days, as the granularity is; 1 is the first period after the forecast's `as_of`. Errors of different units
-- cannot be added, so that the figures to compare across series are scaled by each series' own seasonal change: below 1, `mase`
-- beats repeating last season. `skill` compares with the seasonal naive from the same cutoffs, over the periods where both exist.
SELECT
  metric AS metric,
  granularity AS granularity,
  model AS model,
  lead AS lead,
  count(*) AS scored,
  count(DISTINCT series_id) AS series,
  count(DISTINCT as_of) AS forecasts,
  avg(abs_error) AS mae,
  sum(abs_error) / nullif(sum(abs(actual)), 0e0) AS wape,
  avg(abs_error / nullif(scale, 0e0)) AS mase,
  avg(-error / nullif(scale, 0e0)) AS bias,
  avg(pinball / nullif(scale, 0e0)) AS scaled_pinball,
  avg(CASE WHEN hit_50 THEN 1e0 ELSE 0e0 END) AS coverage_50,
  avg(CASE WHEN hit_80 THEN 1e0 ELSE 0e0 END) AS coverage_80,
  avg(CASE WHEN hit_90 THEN 1e0 ELSE 0e0 END) AS coverage_90,
  1e0 - avg(abs_error / nullif(scale, 0e0)) FILTER (WHERE naive_abs_error IS NOT NULL)
    / nullif(avg(naive_abs_error / nullif(scale, 0e0)), 0e0) AS skill
FROM gold.forecast_score
GROUP BY metric, granularity, model, lead
