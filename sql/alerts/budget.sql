-- alerts.budget: a share of a budget is spent, or expected to be
--
-- Reads   gold.budget_status
-- Params  :as_of   end of the run's data interval
-- Window  0 days
-- Severity  critical, warning
-- Means   More will be paid than was planned, unless something changes before the period ends.
-- Do      See what drives it; ask its owner what changed, and either change that or the plan in the file that `budgets` names.
--
-- Each share is told once: it is over when the period is, or once the cost is five points below the share.
WITH told AS (
  SELECT budget, period_start, period_end, currency, amount, cast(actual AS double) AS reached, actual_over_pct AS over_pct,
    'spent' AS what, drivers_json, p_breach
  FROM gold.budget_status
  WHERE as_of = :as_of AND actual_over_pct IS NOT NULL
  UNION ALL
  SELECT budget, period_start, period_end, currency, amount, expected AS reached, forecast_over_pct AS over_pct,
    'expected' AS what, drivers_json, p_breach
  FROM gold.budget_status
  WHERE as_of = :as_of AND forecast_over_pct IS NOT NULL
)
SELECT
  budget || ' ' || cast(cast(round(over_pct) AS bigint) AS varchar) || ' percent ' || what AS subject,
  'budget' AS cause,
  CASE WHEN what = 'spent' AND over_pct >= 100 THEN 'critical' ELSE 'warning' END AS severity,
  period_start AS since,
  reached AS observed,
  cast(amount AS double) AS expected,
  currency AS measured_in,
  'Of the period to ' || substr(cast(period_end - INTERVAL '1' DAY AS varchar), 1, 10)
    || coalesce('; chance to exceed it: ' || cast(cast(round(100 * p_breach) AS bigint) AS varchar) || ' %', '')
    || coalesce('; first: ' || json_extract_scalar(drivers_json, '$[0].service') || ' of '
      || json_extract_scalar(drivers_json, '$[0].account'), '') || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM told
