-- alerts.recommendation_regressed: a recommendation that was followed did not hold
--
-- Reads   gold.savings
-- Params  :as_of   end of the run's data interval
-- Window  32 days
-- Severity  warning, info
-- Ends    untold
-- Means   The change was taken back, costs more than before it, or left too little CPU or memory; its saving is not to be counted on.
-- Do      Read why, and ask the resource's owner; take the change back where it hurts, or answer the recommendation so that it rests.
--
-- Told by the first run that finds so: not where a run of the 32 days before it did. It is an information where the change is over, a
-- warning while it lasts. Of several recommendations that one change follows, the one whose saving counts is told.
WITH stood AS (
  SELECT
    as_of, account, region, resource_id, rule_id, reason, changed_on, ended_on, currency, actual_cost, expected_cost, is_counted,
    lag(as_of) OVER (PARTITION BY recommendation_id ORDER BY as_of) AS said_at
  FROM gold.savings
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '32' DAY AND status = 'regressed'
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  'recommendation ' || rule_id AS cause,
  CASE WHEN ended_on IS NULL THEN 'warning' ELSE 'info' END AS severity,
  coalesce(ended_on, changed_on, as_of) AS since,
  actual_cost AS observed,
  expected_cost AS expected,
  currency AS measured_in,
  reason AS detail,
  cast(NULL AS varchar) AS depends_on
FROM stood
WHERE as_of = :as_of AND said_at IS NULL AND is_counted
