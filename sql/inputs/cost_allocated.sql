-- inputs.cost_allocated: whose cost the newest billing period is, by dimension and value; the largest first.
--
-- Reads   gold.cost_allocation
-- Params  :as_of   nothing later counts, UTC
-- Window  62 days
--
-- Cost is effective, billed where there is none; what is below zero does not count, or a credit that nobody has would hide a gap.
-- `ratio` is of all values of the dimension in one currency.
WITH newest AS (
  SELECT max(billing_period) AS billing_period
  FROM gold.cost_allocation
  WHERE billing_period >= :as_of - INTERVAL '62' DAY AND billing_period < :as_of AND ts < :as_of
),
charged AS (
  SELECT
    a.billing_period, a.dimension, a.value, a.currency,
    sum(coalesce(a.effective_cost, a.billed_cost)) AS cost
  FROM gold.cost_allocation AS a
  INNER JOIN newest AS n ON n.billing_period = a.billing_period
  WHERE a.billing_period >= :as_of - INTERVAL '62' DAY AND a.billing_period < :as_of AND a.ts < :as_of
    AND coalesce(a.effective_cost, a.billed_cost) > 0
  GROUP BY a.billing_period, a.dimension, a.value, a.currency
)
SELECT
  billing_period AS billing_period,
  dimension AS dimension,
  value AS value,
  currency AS currency,
  cast(cost AS double) AS cost,
  cast(cost AS double) / cast(sum(cost) OVER (PARTITION BY dimension, currency) AS double) AS ratio
FROM charged
ORDER BY dimension, currency, cost DESC, value
