-- inputs.gravest_costs: what cost unusually much or little as of one run, the largest impact first.
--
-- Reads   gold.cost_anomaly
-- Params  :as_of   of the run
-- Window  0 days
--
-- Without what a person said was planned, or is not an issue.
SELECT
  anomaly_id AS anomaly_id,
  payer AS payer,
  account AS account,
  service AS service,
  usage_type AS usage_type,
  resource_id AS resource_id,
  first_day AS first_day,
  days AS days,
  is_open AS is_open,
  actual_cost AS actual_cost,
  expected_cost AS expected_cost,
  impact_cost AS impact_cost,
  currency AS currency
FROM gold.cost_anomaly
WHERE as_of = :as_of AND answer IS NULL
ORDER BY abs(impact_cost) DESC, anomaly_id
