-- views.forecast_vs_actual: what was forecast for a period, beside what was then observed.
--
-- Reads   gold.forecast, views.demand
--
-- For each period it shows the last forecast that was published before the period began, so that a backfill cannot look ahead.
-- `error` is observed minus median; `inside_90` tells whether p05 … p95 held.
WITH published AS (
  SELECT
    series_id, metric, unit, granularity, ts, as_of, model, quantile, value,
    max(as_of) OVER (PARTITION BY series_id, granularity, ts) AS newest
  FROM gold.forecast
  WHERE as_of <= ts
),
forecast AS (
  SELECT
    series_id, metric, unit, granularity, ts, as_of, model,
    max(value) FILTER (WHERE quantile = 0.05e0) AS p05,
    max(value) FILTER (WHERE quantile = 0.5e0) AS p50,
    max(value) FILTER (WHERE quantile = 0.95e0) AS p95
  FROM published
  WHERE as_of = newest
  GROUP BY series_id, metric, unit, granularity, ts, as_of, model
)
SELECT
  f.series_id AS series_id,
  f.metric AS metric,
  f.unit AS unit,
  f.granularity AS granularity,
  f.ts AS ts,
  f.as_of AS as_of,
  f.model AS model,
  f.p05 AS p05,
  f.p50 AS p50,
  f.p95 AS p95,
  o.value AS observed,
  o.value - f.p50 AS error,
  o.value >= f.p05 AND o.value <= f.p95 AS inside_90
FROM forecast AS f
JOIN views.demand AS o ON o.series_id = f.series_id AND o.granularity = f.granularity AND o.ts = f.ts
WHERE o.value IS NOT NULL
