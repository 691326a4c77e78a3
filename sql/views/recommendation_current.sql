-- views.recommendation_current: what the newest run recommends, in the order in which to do it.
--
-- Reads   gold.recommendation
--
-- `keep` and `insufficient_data` are answers and stand here too. Only `portfolio_savings_usd` adds up: it counts what
-- can be done together, each on what is left by what comes before it; `savings_monthly_usd` is of the change alone. What was
-- dismissed, or is snoozed, is in gold.recommendation_status. Money is at the list price of `price_as_of`,
-- which may be years old; `savings_after_discounts_usd` alone is what the bill falls by while commitments last.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.recommendation
)
SELECT
  r.as_of AS as_of,
  r.portfolio_rank AS portfolio_rank,
  r.account AS account,
  r.region AS region,
  r.service AS service,
  r.resource_id AS resource_id,
  r.action AS action,
  r.current_config AS current_config,
  r.target_config AS target_config,
  r.monthly_cost_usd AS monthly_cost_usd,
  r.savings_monthly_usd AS savings_monthly_usd,
  r.savings_low_usd AS savings_low_usd,
  r.savings_high_usd AS savings_high_usd,
  r.savings_after_discounts_usd AS savings_after_discounts_usd,
  r.portfolio_savings_usd AS portfolio_savings_usd,
  r.price_as_of AS price_as_of,
  date_diff('day', r.price_as_of, r.as_of) AS price_age_days,
  r.breach_probability AS breach_probability,
  r.confidence AS confidence,
  r.risk_level AS risk_level,
  r.effort AS effort,
  r.exclusive_group AS exclusive_group,
  r.restart_needed AS restart_needed,
  r.rollback_possible AS rollback_possible,
  r.status AS status,
  r.first_seen_at AS first_seen_at,
  r.reason AS reason,
  r.record AS record,
  r.rule_id AS rule_id,
  r.recommendation_id AS recommendation_id
FROM gold.recommendation AS r
JOIN newest AS w ON w.as_of = r.as_of
WHERE r.status IS NULL OR r.status NOT IN ('snoozed', 'dismissed')
