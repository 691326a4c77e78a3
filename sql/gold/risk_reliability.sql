-- gold.risk_reliability: stated chances of crossing beside how often it happened, for the risks whose horizon ended in a run.
--
-- Reads   gold.capacity_risk, views.demand_daily, views.demand_hourly
-- Params  :start, :end   the run's data interval; horizons that end in (start, end] are judged
-- Window  90 days, silver.metric_hourly 30 days
--
-- Each published chance is judged once, by the run in which its horizon ends, so that rows of all runs add up. A series of which
-- less than half of the horizon was observed is left out, whether it crossed or not. Sums are of decimals: of doubles they would
-- depend on the order of the rows, and an unchanged day would look changed.
WITH stated AS (
  SELECT as_of, series_id, metric, granularity, threshold_pct, threshold_pct / 100e0 * capacity AS reached_at,
    7 AS horizon_days, p_cross_7d AS chance
  FROM gold.capacity_risk
  WHERE p_cross_7d IS NOT NULL AND as_of > date_add('day', -7, :start) AND as_of <= date_add('day', -7, :end)
  UNION ALL
  SELECT as_of, series_id, metric, granularity, threshold_pct, threshold_pct / 100e0 * capacity AS reached_at,
    30 AS horizon_days, p_cross_30d AS chance
  FROM gold.capacity_risk
  WHERE p_cross_30d IS NOT NULL AND as_of > date_add('day', -30, :start) AND as_of <= date_add('day', -30, :end)
  UNION ALL
  SELECT as_of, series_id, metric, granularity, threshold_pct, threshold_pct / 100e0 * capacity AS reached_at,
    90 AS horizon_days, p_cross_90d AS chance
  FROM gold.capacity_risk
  WHERE p_cross_90d IS NOT NULL AND as_of > date_add('day', -90, :start) AND as_of <= date_add('day', -90, :end)
),
observed AS (
  SELECT series_id, granularity, ts, value
  FROM views.demand_daily
  WHERE value IS NOT NULL AND metric <> 'cost' AND ts >= date_add('day', -90, :start) AND ts < :end
  UNION ALL
  -- No horizon of hours is longer than 30 days.
  SELECT series_id, granularity, ts, value
  FROM views.demand_hourly
  WHERE value IS NOT NULL AND ts >= date_add('day', -30, :start) AND ts < :end
    AND day >= cast(date_add('day', -30, :start) AS date) AND day <= cast(:end AS date)
),
judged AS (
  SELECT
    s.metric, s.granularity, s.threshold_pct, s.horizon_days, s.chance,
    least(floor(s.chance * 10e0), 9e0) AS bin,
    CASE WHEN max(o.value) >= s.reached_at THEN 1 ELSE 0 END AS happened
  FROM stated AS s
  JOIN observed AS o
    ON o.series_id = s.series_id AND o.granularity = s.granularity
    AND o.ts >= s.as_of AND o.ts < date_add('day', s.horizon_days, s.as_of)
  GROUP BY s.as_of, s.series_id, s.metric, s.granularity, s.threshold_pct, s.reached_at, s.horizon_days, s.chance
  HAVING count(*) * 2 >= s.horizon_days * (CASE s.granularity WHEN 'hour' THEN 24 ELSE 1 END)
),
rated AS (
  SELECT
    metric, granularity, threshold_pct, horizon_days, bin, chance, happened,
    cast(sum(happened) OVER (PARTITION BY metric, granularity, threshold_pct, horizon_days) AS double)
      / cast(count(*) OVER (PARTITION BY metric, granularity, threshold_pct, horizon_days) AS double) AS base_rate
  FROM judged
),
missed AS (
  SELECT
    metric, granularity, threshold_pct, horizon_days, bin, happened,
    cast(chance AS decimal(38, 9)) AS chance,
    cast((chance - cast(happened AS double)) * (chance - cast(happened AS double)) AS decimal(38, 9)) AS brier,
    cast((base_rate - cast(happened AS double)) * (base_rate - cast(happened AS double)) AS decimal(38, 9)) AS base_rate_brier
  FROM rated
)
SELECT
  :end AS as_of,
  metric AS metric,
  granularity AS granularity,
  threshold_pct AS threshold_pct,
  cast(horizon_days AS bigint) AS horizon_days,
  cast(bin AS bigint) AS bin,
  count(*) AS forecasts,
  cast(sum(chance) AS double) / cast(count(*) AS double) AS stated,
  cast(sum(happened) AS double) / cast(count(*) AS double) AS observed,
  cast(sum(brier) AS double) / cast(count(*) AS double) AS brier,
  cast(sum(base_rate_brier) AS double) / cast(count(*) AS double) AS base_rate_brier
FROM missed
GROUP BY metric, granularity, threshold_pct, horizon_days, bin
