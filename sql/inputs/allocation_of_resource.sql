-- inputs.allocation_of_resource: what was charged for one resource by the day, with all that rules of allocation look at.
--
-- Reads   silver.charge_daily
-- Params  :start, :end   whole months, UTC, half-open
--         :resource      its id, or what follows the last `/` or `:` of it
-- Window  0 days
SELECT
  resource_id AS resource_id,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  ts AS ts,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  charge_category AS charge_category,
  tag_set AS tag_set,
  sum(effective_cost) AS effective_cost,
  sum(billed_cost) AS billed_cost
FROM silver.charge_daily
WHERE billing_period >= :start AND billing_period < :end
  AND (resource_id = :resource OR regexp_extract(resource_id, '[^/:]+\z') = :resource)
GROUP BY
  resource_id, provider, payer, currency, ts, account, service, region, usage_type, charge_category, tag_set
