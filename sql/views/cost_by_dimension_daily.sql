-- views.cost_by_dimension_daily: cost by day, and by team, project or any other dimension that the rules of allocation name.
--
-- Reads   gold.cost_allocation
--
-- Ask for one `dimension`, each of them divides all cost anew, and one `month`, which is the bill's and the partition. Sums are exact, and
-- those of all values are what was charged. What no rule allocates is the value `unallocated`. `cost` is effective, billed where there is
-- none.
SELECT
  month AS month,
  ts AS ts,
  dimension AS dimension,
  value AS value,
  account AS account,
  service AS service,
  currency AS currency,
  sum(coalesce(effective_cost, billed_cost)) AS cost,
  sum(billed_cost) AS billed_cost
FROM gold.cost_allocation
GROUP BY month, ts, dimension, value, account, service, currency
