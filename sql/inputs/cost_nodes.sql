-- inputs.cost_nodes: what each usage type of each bill cost on each day, as far as it is judged.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days, UTC, half-open
-- Window  31 days
--
-- Usage alone: purchases, fees, tax and credits follow no day before them, and what corrects an earlier invoice is no usage.
SELECT
  source AS source,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  ts AS ts,
  account AS account,
  service AS service,
  usage_type AS usage_type,
  unit AS unit,
  cast(sum(coalesce(effective_cost, billed_cost)) AS double) AS cost
FROM silver.charge_daily
WHERE month >= cast(date_trunc('month', :since) AS date) AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
  AND ts >= :since AND ts < :as_of
  AND charge_category = 'Usage' AND charge_class = 'none'
GROUP BY source, provider, payer, currency, ts, account, service, usage_type, unit
