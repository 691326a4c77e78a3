-- views.cost_unallocated_monthly: how much of the cost of each account belongs to nobody, and how much no tag says, by month.
--
-- Reads   gold.cost_allocation
--
-- `month` is the bill's, and its partition. `unallocated_ratio` is what neither a tag nor an account, a rule or a split says;
-- `untagged_ratio` is what no tag says, however it was allocated then. Both are of effective cost, billed where there is none, that is
-- above zero: a credit without a tag is no gap.
WITH charged AS (
  SELECT month, dimension, account, currency, method, greatest(coalesce(effective_cost, billed_cost), 0) AS cost
  FROM gold.cost_allocation
),
monthly AS (
  SELECT
    month, dimension, account, currency,
    sum(cost) AS cost,
    sum(CASE WHEN method = 'unallocated' THEN cost ELSE 0 END) AS unallocated_cost,
    sum(CASE WHEN method <> 'tag' THEN cost ELSE 0 END) AS untagged_cost
  FROM charged
  GROUP BY month, dimension, account, currency
)
SELECT
  month AS month,
  dimension AS dimension,
  account AS account,
  currency AS currency,
  cost AS cost,
  unallocated_cost AS unallocated_cost,
  untagged_cost AS untagged_cost,
  cast(unallocated_cost AS double) / nullif(cast(cost AS double), 0) AS unallocated_ratio,
  cast(untagged_cost AS double) / nullif(cast(cost AS double), 0) AS untagged_ratio
FROM monthly
