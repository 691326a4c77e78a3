-- views.forecast_value_added: what forecasting was worth over repeating last season, for each series.
--
-- Reads   gold.forecast_score
--
-- Both errors are over the same periods and cutoffs, those for which the seasonal naive has a value. `value_added` is the share of
-- the naive error that the forecast removed: below 0 the forecast did harm. `won` is the share of periods in which it was closer.
SELECT
  series_id AS series_id,
  metric AS metric,
  unit AS unit,
  granularity AS granularity,
  model AS model,
  count(*) AS scored,
  avg(abs_error) AS mae,
  avg(naive_abs_error) AS naive_mae,
  avg(naive_abs_error) - avg(abs_error) AS error_removed,
  1e0 - avg(abs_error) / nullif(avg(naive_abs_error), 0e0) AS value_added,
  avg(CASE WHEN abs_error < naive_abs_error THEN 1e0 WHEN abs_error = naive_abs_error THEN 0.5e0 ELSE 0e0 END) AS won
FROM gold.forecast_score
WHERE naive_abs_error IS NOT NULL
GROUP BY series_id, metric, unit, granularity, model
