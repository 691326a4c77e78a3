-- inputs.resource_charges: what some resources were charged for by day, usage type and what covers it.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
--         :resources       what follows the last `/` or `:` of their ids, a space before and behind each
-- Window  31 days
--
-- Usage without corrections, unused commitment and what CUR takes back. `resource_id` is as the bill has it.
-- Cost is effective, billed where a bill states no effective one; without a list price the negotiated one stands for it.
WITH charged AS (
  SELECT
    source, provider, payer, currency, account, region, resource_id, ts, usage_type, unit, quantity,
    regexp_replace(resource_id, '^.*[/:]', '') AS resource,
    CASE WHEN pricing_category = 'Committed' THEN commitment_id ELSE 'none' END AS commitment_id,
    coalesce(list_cost, contracted_cost, effective_cost, billed_cost) AS list_cost,
    coalesce(effective_cost, billed_cost) AS cost
  FROM silver.charge_daily
  WHERE ts >= :since AND ts < :as_of
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(date_trunc('month', :since - INTERVAL '31' DAY) AS date)
    AND charge_category = 'Usage' AND charge_class = 'none'
    AND resource_id <> 'none' AND resource_id <> commitment_id
    AND (commitment_id = 'none' OR pricing_category = 'Committed')
)
SELECT
  source AS source,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  ts AS ts,
  usage_type AS usage_type,
  unit AS unit,
  commitment_id AS commitment_id,
  cast(coalesce(sum(quantity), 0) AS double) AS quantity,
  cast(sum(list_cost) AS double) AS list_cost,
  cast(sum(cost) AS double) AS cost
FROM charged
WHERE strpos(:resources, concat(' ', resource, ' ')) > 0
GROUP BY source, provider, payer, currency, account, region, resource_id, ts, usage_type, unit, commitment_id
ORDER BY source, provider, payer, currency, account, region, resource_id, ts, usage_type, unit, commitment_id
