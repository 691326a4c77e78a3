-- views.usage_charged: usage as bills charge it, without corrections: by what covers it, and whether it is tagged.
--
-- Reads   silver.charge_daily
--
-- `charged_as` is covered (by a commitment), unused (paid for a commitment and not used; what CUR takes back is here with nothing paid),
-- on_demand, or other (Spot, credits, what has no price of its own). FOCUS names the commitment itself as the resource of what is
-- unused. `cost` is effective, billed where a bill states no effective cost; then nothing is known of what commitments cost.
-- `list_cost` is what was negotiated where a bill states no list price (`is_listed`).
SELECT
  month AS month,
  billing_period AS billing_period,
  ts AS ts,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  resource_id AS resource_id,
  commitment_id AS commitment_id,
  CASE
    WHEN pricing_category = 'Committed' AND resource_id <> commitment_id THEN 'covered'
    WHEN commitment_id <> 'none' THEN 'unused'
    WHEN pricing_category = 'Standard' THEN 'on_demand'
    ELSE 'other'
  END AS charged_as,
  resource_id <> 'none' AND resource_id <> commitment_id AS has_resource,
  tag_set <> 'none' AS is_tagged,
  coalesce(effective_cost, billed_cost) AS cost,
  effective_cost IS NOT NULL AS is_effective,
  coalesce(list_cost, contracted_cost) AS list_cost,
  list_cost IS NOT NULL AS is_listed,
  quantity AS quantity
FROM silver.charge_daily
WHERE charge_category = 'Usage' AND charge_class = 'none'
