-- alerts.budget: a share of a budget is spent, or expected to be
--
-- Reads   gold.budget_status
-- Params  :as_of   end of the run's data interval
-- Window  366 days
-- Severity  critical, warning
-- Means   More will be paid than was planned, unless something changes before the period ends.
-- Do      See what drives it; ask its owner what changed, and either change that or the plan in the file that `budgets` names.
--
-- Each share that a run of the period found is an alert of its own, which goes on while a higher one is told: it is over when the period
-- is, or once the cost is five points below it.
WITH stands AS (
  SELECT budget, period_start, period_end, currency, amount, cast(actual AS double) AS reached, actual_over_pct AS over_pct,
    'spent' AS what, drivers_json, p_breach
  FROM gold.budget_status
  WHERE as_of = :as_of AND actual_over_pct IS NOT NULL
  UNION ALL
  SELECT budget, period_start, period_end, currency, amount, expected AS reached, forecast_over_pct AS over_pct,
    'expected' AS what, drivers_json, p_breach
  FROM gold.budget_status
  WHERE as_of = :as_of AND forecast_over_pct IS NOT NULL
),
told AS (
  SELECT budget, period_start, 'spent' AS what, actual_over_pct AS over_pct
  FROM gold.budget_status
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '366' DAY
  UNION
  SELECT budget, period_start, 'expected' AS what, forecast_over_pct AS over_pct
  FROM gold.budget_status
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '366' DAY
)
SELECT
  s.budget || ' to ' || substr(cast(s.period_end - INTERVAL '1' DAY AS varchar), 1, 10) || ', '
    || cast(cast(round(t.over_pct) AS bigint) AS varchar) || ' percent ' || s.what AS subject,
  'budget' AS cause,
  CASE WHEN s.what = 'spent' AND t.over_pct >= 100 THEN 'critical' ELSE 'warning' END AS severity,
  s.period_start AS since,
  s.reached AS observed,
  cast(s.amount AS double) AS expected,
  s.currency AS measured_in,
  'Of the period to ' || substr(cast(s.period_end - INTERVAL '1' DAY AS varchar), 1, 10)
    || coalesce('; chance to exceed it: ' || cast(cast(round(100 * s.p_breach) AS bigint) AS varchar) || ' %', '')
    || coalesce('; first: ' || json_extract_scalar(s.drivers_json, '$[0].service') || ' of '
      || json_extract_scalar(s.drivers_json, '$[0].account'), '') || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM stands AS s
JOIN told AS t ON t.budget = s.budget AND t.period_start = s.period_start AND t.what = s.what AND t.over_pct <= s.over_pct
