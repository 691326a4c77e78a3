-- inputs.preventable_risk: the capacity risk that a larger resource would prevent, as recommenders see it.
--
-- Reads   gold.capacity_risk
-- Params  :as_of   of the run
-- Window  0 days
--
-- A larger type does not prevent incidents: their share, of three times 30 days, is taken out of the chance of 90 days. The
-- chances of 7 and 30 days are as published. Where an incident is certain, nothing can be said of the rest: null. What is too new to be judged is not here.
SELECT
  as_of AS as_of,
  series_id AS series_id,
  metric AS metric,
  granularity AS granularity,
  threshold_pct AS threshold_pct,
  quantile AS quantile,
  first_crossing_at AS first_crossing_at,
  crossing_p10_at AS crossing_p10_at,
  crossing_p90_at AS crossing_p90_at,
  p_cross_7d AS p_cross_7d,
  p_cross_30d AS p_cross_30d,
  greatest(0e0, 1 - (1 - p_cross_90d) / nullif(power(1 - coalesce(p_surprise_30d, 0e0), 3), 0e0)) AS p_cross_90d,
  capacity AS capacity,
  peak_p95 AS peak_p95,
  headroom_ratio AS headroom_ratio,
  risk_level AS risk_level
FROM gold.capacity_risk
WHERE as_of = :as_of AND risk_level <> 'unknown'
ORDER BY series_id, granularity, threshold_pct
