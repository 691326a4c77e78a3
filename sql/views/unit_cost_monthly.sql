-- views.unit_cost_monthly: what a vCPU hour, a GB-month and a request of each service cost, by month and account.
--
-- Reads   gold.unit_cost
--
-- `month` is the bill's, and its partition; ask for one `per`. Cost and quantity may be added up, `unit_cost` may not: of several rows
-- it is their cost by their quantity. `left_out_ratio` is the part of the service's usage that is not counted so.
SELECT
  month AS month,
  account AS account,
  service AS service,
  currency AS currency,
  per AS per,
  sum(quantity) AS quantity,
  sum(cost) AS cost,
  cast(sum(cost) AS double) / nullif(cast(sum(quantity) AS double), 0e0) AS unit_cost,
  sum(left_out_cost) AS left_out_cost,
  cast(sum(left_out_cost) AS double) / nullif(cast(sum(cost) + sum(left_out_cost) AS double), 0e0) AS left_out_ratio
FROM gold.unit_cost
GROUP BY month, account, service, currency, per
