-- views.cost_by_dimension_monthly: cost by month, and by team, project or any other dimension that the rules of allocation name.
--
-- Reads   gold.cost_allocation
--
-- Ask for one `dimension`: each of them divides all cost anew. `month` is the bill's, and its partition, so that the billed sum is the
-- invoice's. What no rule allocates is the value `unallocated`. `shared_cost` is what came by a split, effective. `ratio` is the part of
-- what all values cost, effective, billed where there is none; what is below zero does not count in it, or a credit that takes a bill
-- to nothing would make one part of it a million of the whole.
WITH monthly AS (
  SELECT
    month, dimension, value, currency,
    sum(effective_cost) AS effective_cost,
    sum(billed_cost) AS billed_cost,
    sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost,
    sum(CASE WHEN method IN ('proportional', 'even', 'fixed') THEN effective_cost ELSE 0 END) AS shared_cost,
    sum(greatest(coalesce(effective_cost, billed_cost), 0)) AS cost_above_zero,
    count(DISTINCT ts) AS days
  FROM gold.cost_allocation
  GROUP BY month, dimension, value, currency
)
SELECT
  month AS month,
  dimension AS dimension,
  value AS value,
  currency AS currency,
  days AS days,
  effective_cost AS effective_cost,
  billed_cost AS billed_cost,
  list_cost AS list_cost,
  contracted_cost AS contracted_cost,
  shared_cost AS shared_cost,
  cast(cost_above_zero AS double)
    / nullif(cast(sum(cost_above_zero) OVER (PARTITION BY month, dimension, currency) AS double), 0) AS ratio
FROM monthly
