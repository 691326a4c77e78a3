-- views.forecast_latest: the newest forecast, one row per series and future period, quantiles side by side.
--
-- Reads   gold.forecast
--
-- `p50` is the median of the period's p95 demand; 90 % of outcomes are expected between `p05` and `p95`. A quantile that was not
-- published is null. `stale` in `tier` are the last good rows of a segment whose forecast failed. `unsound` in
-- `soundness` is a forecaster that did not pass the gates: its band held `coverage_90` of the actuals in the training that judged
-- it, instead of 90 %.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.forecast
)
SELECT
  f.as_of AS as_of,
  f.series_id AS series_id,
  f.metric AS metric,
  f.unit AS unit,
  f.granularity AS granularity,
  f.ts AS ts,
  max(f.value) FILTER (WHERE f.quantile = 0.05e0) AS p05,
  max(f.value) FILTER (WHERE f.quantile = 0.1e0) AS p10,
  max(f.value) FILTER (WHERE f.quantile = 0.25e0) AS p25,
  max(f.value) FILTER (WHERE f.quantile = 0.5e0) AS p50,
  max(f.value) FILTER (WHERE f.quantile = 0.75e0) AS p75,
  max(f.value) FILTER (WHERE f.quantile = 0.9e0) AS p90,
  max(f.value) FILTER (WHERE f.quantile = 0.95e0) AS p95,
  max(f.value) FILTER (WHERE f.quantile = 0.99e0) AS p99,
  f.model AS model,
  f.model_version AS model_version,
  f.tier AS tier,
  f.cutoff AS cutoff,
  f.soundness AS soundness,
  f.coverage_90 AS coverage_90
FROM gold.forecast AS f
JOIN newest AS n ON n.as_of = f.as_of
GROUP BY f.as_of, f.series_id, f.metric, f.unit, f.granularity, f.ts, f.model, f.model_version, f.tier, f.cutoff,
  f.soundness, f.coverage_90
