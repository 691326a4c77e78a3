-- views.risk_reliability: whether stated chances of crossing came true, by bin of ten percent.
--
-- Reads   gold.risk_reliability, gold.risk_backtest
--
-- Evidence is `published` for the chances that were published and whose horizon has ended, over all runs, and `backtest` for those
-- that the newest training's proposed forecaster would have stated at earlier cutoffs.
--
-- An honest row has `stated` near `observed`. `brier` below `base_rate_brier` means that the chances said more than the share of
-- crossings alone; both are of the whole bin. Chances published on neighbouring days share most of their horizon, so that
-- `forecasts` overstates how much is known.
WITH newest AS (
  SELECT metric, granularity, max(as_of) AS as_of FROM gold.risk_backtest GROUP BY metric, granularity
),
told AS (
  SELECT
    'published' AS evidence, as_of, metric, granularity, threshold_pct, horizon_days, bin, forecasts, stated, observed, brier
  FROM gold.risk_reliability
  UNION ALL
  SELECT
    'backtest' AS evidence, b.as_of, b.metric, b.granularity, b.threshold_pct, b.horizon_days, b.bin, b.forecasts, b.stated,
    b.observed, b.brier
  FROM gold.risk_backtest AS b
  JOIN newest AS n ON n.metric = b.metric AND n.granularity = b.granularity AND n.as_of = b.as_of
),
summed AS (
  SELECT
    evidence, metric, granularity, threshold_pct, horizon_days, bin,
    min(as_of) AS since,
    max(as_of) AS as_of,
    sum(forecasts) AS forecasts,
    sum(stated * cast(forecasts AS double)) AS stated,
    sum(observed * cast(forecasts AS double)) AS observed,
    sum(brier * cast(forecasts AS double)) AS brier
  FROM told
  GROUP BY evidence, metric, granularity, threshold_pct, horizon_days, bin
),
rated AS (
  SELECT
    evidence, metric, granularity, threshold_pct, horizon_days, bin, since, as_of, forecasts, stated, observed, brier,
    sum(observed) OVER (PARTITION BY evidence, metric, granularity, threshold_pct, horizon_days)
      / cast(sum(forecasts) OVER (PARTITION BY evidence, metric, granularity, threshold_pct, horizon_days) AS double) AS base_rate
  FROM summed
)
SELECT
  evidence AS evidence,
  metric AS metric,
  granularity AS granularity,
  threshold_pct AS threshold_pct,
  horizon_days AS horizon_days,
  cast(bin AS double) / 10e0 AS bin_from,
  cast(bin + 1 AS double) / 10e0 AS bin_to,
  cast(forecasts AS bigint) AS forecasts,
  stated / cast(forecasts AS double) AS stated,
  observed / cast(forecasts AS double) AS observed,
  observed / cast(forecasts AS double) - stated / cast(forecasts AS double) AS gap,
  brier / cast(forecasts AS double) AS brier,
  -- Of a bin in which a share o crossed, stating b scores o (1 - b)² + (1 - o) b².
  (observed * (1e0 - base_rate) * (1e0 - base_rate) + (cast(forecasts AS double) - observed) * base_rate * base_rate)
    / cast(forecasts AS double) AS base_rate_brier,
  since AS since,
  as_of AS as_of
FROM rated
