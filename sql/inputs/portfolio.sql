-- inputs.portfolio: what one run recommends to do, in the order in which to do it.
--
-- Reads   gold.recommendation
-- Params  :as_of   of the run
-- Window  0 days
--
-- What can be done together, each on what is left by those before it, so that the savings may be added; one of an upsize is negative,
-- of an action without a price null.
SELECT
  portfolio_rank AS portfolio_rank,
  resource_id AS resource_id,
  service AS service,
  action AS action,
  current_config AS current_config,
  target_config AS target_config,
  portfolio_savings_usd AS portfolio_savings_usd,
  breach_probability AS breach_probability,
  price_as_of AS price_as_of,
  rule_id AS rule_id,
  record AS record
FROM gold.recommendation
WHERE as_of = :as_of AND portfolio_rank IS NOT NULL
ORDER BY portfolio_rank, recommendation_id
