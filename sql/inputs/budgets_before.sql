-- inputs.budgets_before: what the newest run before a moment had told of each budget.
--
-- Reads   gold.budget_status
-- Params  :as_of   before it, UTC
-- Window  31 days
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.budget_status
  WHERE as_of < :as_of AND as_of > :as_of - INTERVAL '31' DAY
)
SELECT
  b.budget AS budget,
  b.period_start AS period_start,
  b.actual_over_pct AS actual_over_pct,
  b.forecast_over_pct AS forecast_over_pct
FROM gold.budget_status AS b
JOIN newest AS n ON n.as_of = b.as_of
WHERE b.as_of < :as_of AND b.as_of > :as_of - INTERVAL '31' DAY
ORDER BY b.budget
