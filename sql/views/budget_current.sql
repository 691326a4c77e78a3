-- views.budget_current: where each budget stands, as of the newest run.
--
-- Reads   gold.budget_status
--
-- `actual_ratio` and `expected_ratio` are shares of the amount; what is most likely to be exceeded comes first where it is asked for
-- by `p_breach`.
SELECT
  b.as_of AS as_of,
  b.budget AS budget,
  b.scope AS scope,
  b.cost AS cost,
  b.currency AS currency,
  b.period_start AS period_start,
  b.period_end AS period_end,
  b.amount AS amount,
  b.actual AS actual,
  cast(b.actual AS double) / nullif(cast(b.amount AS double), 0e0) AS actual_ratio,
  b.expected AS expected,
  b.expected / nullif(cast(b.amount AS double), 0e0) AS expected_ratio,
  b.p05 AS p05,
  b.p95 AS p95,
  b.p_breach AS p_breach,
  b.spent_p10 AS spent_p10,
  b.spent_p50 AS spent_p50,
  b.spent_p90 AS spent_p90,
  b.drivers_json AS drivers_json,
  b.left_out AS left_out,
  b.complete_through AS complete_through
FROM gold.budget_status AS b
WHERE b.as_of = (SELECT max(as_of) FROM gold.budget_status)
