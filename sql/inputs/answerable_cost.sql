-- inputs.answerable_cost: a cost anomaly as the newest run that found it told of it.
--
-- Reads   gold.cost_anomaly
-- Params  :anomaly_id
-- Window  gold.cost_anomaly always
SELECT
  as_of AS as_of,
  account AS account,
  service AS service,
  usage_type AS usage_type,
  resource_id AS resource_id,
  first_day AS first_day,
  impact_cost AS impact_cost,
  currency AS currency
FROM gold.cost_anomaly
WHERE anomaly_id = :anomaly_id
ORDER BY as_of DESC
LIMIT 1
