-- views.capacity_next: the next threshold that each series meets, when and how likely, as of the newest run's end.
--
-- Reads   gold.capacity_risk
--
-- One row per series, by the day where it is forecast so, as hours do not reach 30 days. The next threshold is the lowest that the
-- series does not cross in its first day ahead; where it crosses all, the highest. `risk_level` and `priority` are the worst of
-- the series, and `over_pct` the highest threshold that it crosses in its first day ahead, which is why it is grave whatever its
-- next one is. A date is null where the dated quantile does not cross: the chance may still be above 0.
-- Made by `python -m tools.kpi_view` from inputs.capacity_next: change that file, not this one.
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.capacity_risk
),
placed AS (
  SELECT
    as_of, series_id, metric, granularity, threshold_pct, quantile, first_crossing_at, crossing_p10_at, crossing_p90_at,
    p_cross_7d, p_cross_30d, p_cross_90d, p_surprise_30d, headroom_ratio, peak_p95, peak_at, reason,
    max(CASE risk_level WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 ELSE 0 END) OVER (PARTITION BY series_id)
      AS gravity,
    max(priority) OVER (PARTITION BY series_id) AS priority,
    count(CASE WHEN granularity = 'day' THEN 1 END) OVER (PARTITION BY series_id) AS by_day,
    max(CASE WHEN first_crossing_at < as_of + INTERVAL '1' DAY THEN threshold_pct END) OVER (PARTITION BY series_id, granularity) AS over_pct,
    coalesce(first_crossing_at < as_of + INTERVAL '1' DAY, false) AS crossed
  FROM gold.capacity_risk
  WHERE as_of = (SELECT as_of FROM newest)
),
ranked AS (
  SELECT
    as_of, series_id, metric, granularity, threshold_pct, quantile, first_crossing_at, crossing_p10_at, crossing_p90_at,
    p_cross_7d, p_cross_30d, p_cross_90d, p_surprise_30d, headroom_ratio, peak_p95, peak_at, reason, gravity, priority, over_pct, crossed,
    row_number() OVER (
      PARTITION BY series_id ORDER BY crossed, CASE WHEN crossed THEN -threshold_pct ELSE threshold_pct END
    ) AS nth
  FROM placed
  WHERE granularity = 'day' OR by_day = 0
)
SELECT
  as_of AS as_of,
  series_id AS series_id,
  metric AS metric,
  granularity AS granularity,
  CASE gravity WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' ELSE 'unknown' END AS risk_level,
  priority AS priority,
  threshold_pct AS threshold_pct,
  crossed AS is_crossed,
  over_pct AS over_pct,
  quantile AS quantile,
  first_crossing_at AS first_crossing_at,
  date_diff('day', as_of, first_crossing_at) AS days_to_crossing,
  crossing_p10_at AS crossing_p10_at,
  crossing_p90_at AS crossing_p90_at,
  p_cross_7d AS p_cross_7d,
  p_cross_30d AS p_cross_30d,
  p_cross_90d AS p_cross_90d,
  p_surprise_30d AS p_surprise_30d,
  headroom_ratio AS headroom_ratio,
  peak_p95 AS peak_p95,
  peak_at AS peak_at,
  reason AS reason
FROM ranked
WHERE nth = 1
ORDER BY gravity DESC, priority DESC NULLS LAST, p_cross_30d DESC NULLS LAST, series_id
