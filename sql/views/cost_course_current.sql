-- views.cost_course_current: what is charged, expected and planned by the end of each day of the running month, as of the newest run.
--
-- Reads   gold.cost_course
--
-- Of each budget, cumulated since its period began; `none` is everything by the calendar month, amortised. Ask for one `budget`: they
-- contain each other. `over_plan` is what is charged, and after the last day that all bills have what is expected, beyond the plan.
SELECT
  c.as_of AS as_of,
  c.budget AS budget,
  c.scope AS scope,
  c.cost AS cost,
  c.currency AS currency,
  c.period_start AS period_start,
  c.period_end AS period_end,
  c.ts AS ts,
  c.actual AS actual,
  c.expected AS expected,
  c.p05 AS p05,
  c.p10 AS p10,
  c.p50 AS p50,
  c.p90 AS p90,
  c.p95 AS p95,
  c.planned AS planned,
  coalesce(cast(c.actual AS double), c.expected) - cast(c.planned AS double) AS over_plan,
  c.complete_through AS complete_through
FROM gold.cost_course AS c
WHERE c.as_of = (SELECT max(as_of) FROM gold.cost_course)
