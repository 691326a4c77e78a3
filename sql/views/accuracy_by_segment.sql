-- views.accuracy_by_segment: how good published forecasts were, by metric, granularity, model and version, month by month.
--
-- Reads   gold.forecast_score
--
-- `month` is that of the periods forecast. All lead times count alike, and early months hold short ones only: see accuracy_by_lead
-- before calling a change of the error a change of the model. `bias` above 0 forecasts too much.
SELECT
  metric AS metric,
  granularity AS granularity,
  model AS model,
  model_version AS model_version,
  cast(date_trunc('month', ts) AS date) AS month,
  count(*) AS scored,
  count(DISTINCT series_id) AS series,
  avg(cast(lead AS double)) AS mean_lead,
  avg(abs_error) AS mae,
  sum(abs_error) / nullif(sum(abs(actual)), 0e0) AS wape,
  avg(abs_error / nullif(scale, 0e0)) AS mase,
  avg(-error / nullif(scale, 0e0)) AS bias,
  avg(pinball / nullif(scale, 0e0)) AS scaled_pinball,
  avg(CASE WHEN hit_50 THEN 1e0 ELSE 0e0 END) AS coverage_50,
  avg(CASE WHEN hit_80 THEN 1e0 ELSE 0e0 END) AS coverage_80,
  avg(CASE WHEN hit_90 THEN 1e0 ELSE 0e0 END) AS coverage_90
FROM gold.forecast_score
GROUP BY metric, granularity, model, model_version, cast(date_trunc('month', ts) AS date)
