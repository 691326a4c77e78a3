-- alerts.champion_demoted: a forecaster that served no longer does, or no longer passes its gates
--
-- Reads   gold.promotion
-- Params  :as_of   end of the run's data interval
-- Window  400 days
-- Severity  warning
-- Means   A person took the champion back, or the newest training found that what serves is not sound.
-- Do      Read the decision's reason; where a segment stays unsound, look at its backtest in the report before relying on it.
--
-- The newest decision of a segment: for a week where a rollback made it, and until the next where what serves was sound before.
WITH ranked AS (
  SELECT
    metric, granularity, as_of, decision, reason, soundness, champion, champion_version,
    lag(soundness) OVER (PARTITION BY metric, granularity ORDER BY fence) AS soundness_before,
    row_number() OVER (PARTITION BY metric, granularity ORDER BY fence DESC) AS recency
  FROM gold.promotion
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '400' DAY
)
SELECT
  concat('segment ', metric, '/', granularity) AS subject,
  'champion' AS cause,
  'warning' AS severity,
  as_of AS since,
  cast(NULL AS double) AS observed,
  cast(NULL AS double) AS expected,
  cast(NULL AS varchar) AS measured_in,
  reason AS detail,
  cast(NULL AS varchar) AS depends_on
FROM ranked
WHERE recency = 1 AND (
  (reason LIKE 'rolled back%' AND as_of > cast(:as_of AS timestamp) - INTERVAL '7' DAY)
  OR (soundness = 'unsound' AND soundness_before = 'sound')
)
