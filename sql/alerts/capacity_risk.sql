-- alerts.capacity_risk: the forecast says that capacity may run out
--
-- Reads   gold.capacity_risk
-- Params  :as_of   end of the run's data interval
-- Window  0 days
-- Severity  critical, warning
-- Means   Demand is expected to cross a threshold of what is provisioned, surprises included.
-- Do      Look at the series in the report; plan the change before the date, see gold.recommendation.
--
-- One row per series whose risk is critical, or high, which is a warning; a risk that rises from high to critical is told again.
-- `observed` is the largest chance to cross a threshold within 30 days, or within 7 where the forecast reaches no further.
WITH risky AS (
  SELECT
    series_id, metric, min(first_crossing_at) AS first_crossing_at, max(coalesce(p_cross_30d, p_cross_7d)) AS chance,
    max(CASE risk_level WHEN 'critical' THEN 2 ELSE 1 END) AS gravity
  FROM gold.capacity_risk
  WHERE as_of = :as_of AND risk_level IN ('high', 'critical')
  GROUP BY series_id, metric
)
SELECT
  substr(series_id, 1, length(series_id) - length(metric) - 1) AS subject,
  metric AS cause,
  CASE WHEN gravity = 2 THEN 'critical' ELSE 'warning' END AS severity,
  cast(:as_of AS timestamp) AS since,
  100e0 * chance AS observed,
  cast(NULL AS double) AS expected,
  'percent chance to cross' AS measured_in,
  'It is first expected to cross on ' || substr(cast(first_crossing_at AS varchar), 1, 10) || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM risky
