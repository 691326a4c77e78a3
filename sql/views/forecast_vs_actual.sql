-- views.forecast_vs_actual: what was forecast for a period, beside what was then observed.
--
-- Reads   gold.forecast, silver.metric_hourly, silver.metric_daily, silver.cost_daily
--
-- For each period it shows the last forecast that was published before the period began, so that a backfill cannot look ahead.
-- Imputed hours are no observations. `error` is observed minus median; `inside_90` tells whether p05 … p95 held.
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
),
observed AS (
  SELECT series_id, 'hour' AS granularity, hour AS ts, p95 AS value
  FROM silver.metric_hourly
  WHERE quality_flag <> 1
  UNION ALL
  SELECT series_id, 'day' AS granularity, ts, p95 AS value
  FROM silver.metric_daily
  WHERE quality_flag = 0
  UNION ALL
  SELECT
    concat_ws('/', account, region, regexp_replace(lower(service), '[^a-z0-9._-]+', '-'), 'cost') AS series_id,
    'day' AS granularity, ts, sum(effective_usd) AS value
  FROM silver.cost_daily
  WHERE charge_category = 'Usage' AND currency = 'USD' AND effective_usd IS NOT NULL
  GROUP BY concat_ws('/', account, region, regexp_replace(lower(service), '[^a-z0-9._-]+', '-'), 'cost'), ts
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
JOIN observed AS o ON o.series_id = f.series_id AND o.granularity = f.granularity AND o.ts = f.ts
WHERE o.value IS NOT NULL
