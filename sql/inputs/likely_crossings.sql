-- inputs.likely_crossings: the series that could cross a threshold within 30 days by growth, the likeliest first.
--
-- Reads   gold.capacity_risk
-- Params  :as_of   of the run
--
-- One row per series, at the highest threshold whose chance without incidents is above 5 %. The chance shown includes incidents.
WITH ranked AS (
  SELECT
    series_id, threshold_pct, first_crossing_at, p_cross_30d,
    row_number() OVER (PARTITION BY series_id ORDER BY threshold_pct DESC, p_cross_30d DESC) AS nth
  FROM gold.capacity_risk
  WHERE as_of = :as_of AND p_cross_30d > 1e0 - 0.95e0 * (1e0 - coalesce(p_surprise_30d, 0e0))
)
SELECT
  series_id AS series_id, threshold_pct AS threshold_pct, first_crossing_at AS first_crossing_at, p_cross_30d AS p_cross_30d
FROM ranked
WHERE nth = 1
ORDER BY p_cross_30d DESC, threshold_pct DESC, series_id
