-- views.savings_realised_monthly: savings identified, accepted and realised by month, account, team and rule.
--
-- Reads   gold.savings, gold.savings_daily
--
-- Identified is what the month's newest run could save a month, as far as the portfolio counts it, and what was promised of what was
-- followed in the month; accepted as much of that as a person accepted, or somebody did. Both are at list price, in dollars. Realised is
-- measured, in the currency of the bill: what the days of the month would have cost without the changes, less what they cost; all
-- days of a change as the newest run knows them that looked for it (which 92 days end), of a change that several recommendations asked
-- for once. What that run finds no more is not saved. Null is nothing known, never nothing saved.
-- `regressed` counts what was followed in the month and taken back since, costs more, or leaves too little.
WITH runs AS (
  SELECT as_of, date_trunc('month', as_of - INTERVAL '1' SECOND) AS month
  FROM gold.savings
  GROUP BY as_of
),
newest AS (
  SELECT month, max(as_of) AS as_of
  FROM runs
  GROUP BY month
),
ledger AS (
  SELECT
    n.month, s.account, coalesce(s.team, 'unallocated') AS team, s.rule_id, s.answer, s.status,
    CASE
      WHEN s.changed_on >= n.month AND s.changed_on < n.month + INTERVAL '1' MONTH AND s.is_counted
        THEN cast(greatest(s.promised_monthly_usd, 0e0) AS decimal(38, 9))
      WHEN s.changed_on IS NULL AND s.last_seen_at = s.as_of THEN cast(greatest(s.portfolio_monthly_usd, 0e0) AS decimal(38, 9))
    END AS saving,
    s.changed_on >= n.month AND s.changed_on < n.month + INTERVAL '1' MONTH AS is_followed
  FROM gold.savings AS s
  JOIN newest AS n ON n.as_of = s.as_of
),
changes AS (
  SELECT recommendation_id, changed_on
  FROM gold.savings
  WHERE changed_on IS NOT NULL
  GROUP BY recommendation_id, changed_on
),
telling AS (
  SELECT c.recommendation_id, c.changed_on, max(s.as_of) AS as_of
  FROM changes AS c
  JOIN gold.savings AS s ON s.recommendation_id = c.recommendation_id AND s.as_of <= c.changed_on + INTERVAL '92' DAY
  GROUP BY c.recommendation_id, c.changed_on
),
every AS (
  SELECT
    month, account, team, rule_id, 'USD' AS currency, saving AS identified,
    CASE WHEN answer = 'accepted' OR status IS NOT NULL THEN saving END AS accepted,
    CASE WHEN is_followed THEN 1 ELSE 0 END AS followed,
    CASE WHEN is_followed AND status = 'regressed' THEN 1 ELSE 0 END AS regressed,
    cast(NULL AS decimal(38, 9)) AS realised,
    cast(NULL AS decimal(38, 9)) AS expected
  FROM ledger
  UNION ALL
  SELECT
    date_trunc('month', d.ts) AS month, s.account, coalesce(s.team, 'unallocated') AS team, s.rule_id, d.currency,
    cast(NULL AS decimal(38, 9)) AS identified,
    cast(NULL AS decimal(38, 9)) AS accepted,
    0 AS followed,
    0 AS regressed,
    cast(d.saved_cost AS decimal(38, 9)) AS realised,
    cast(d.expected_cost AS decimal(38, 9)) AS expected
  FROM gold.savings_daily AS d
  JOIN telling AS t ON t.as_of = d.as_of AND t.recommendation_id = d.recommendation_id
  JOIN gold.savings AS s
    ON s.as_of = d.as_of AND s.recommendation_id = d.recommendation_id AND s.changed_on = t.changed_on
  WHERE s.is_counted
)
SELECT
  month AS month,
  account AS account,
  team AS team,
  rule_id AS rule_id,
  currency AS currency,
  cast(sum(identified) AS double) AS identified_monthly_usd,
  cast(sum(accepted) AS double) AS accepted_monthly_usd,
  sum(followed) AS followed,
  sum(regressed) AS regressed,
  cast(sum(realised) AS double) AS realised_cost,
  cast(sum(expected) AS double) AS expected_cost
FROM every
GROUP BY month, account, team, rule_id, currency
