-- inputs.likely_breaches: where each budget stands as of one run, what is most likely to be exceeded first.
--
-- Reads   gold.budget_status
-- Params  :as_of   of the run
-- Window  0 days
SELECT
  budget AS budget,
  scope AS scope,
  currency AS currency,
  period_end AS period_end,
  cast(amount AS double) AS amount,
  cast(actual AS double) AS actual,
  expected AS expected,
  p_breach AS p_breach,
  spent_p50 AS spent_p50,
  left_out AS left_out
FROM gold.budget_status
WHERE as_of = :as_of
ORDER BY p_breach DESC NULLS LAST, budget
