-- inputs.resource_owners: what some resources were charged for, with all that rules of allocation look at.
--
-- Reads   silver.charge_daily
-- Params  :start, :end   whole months, UTC, half-open
--         :resources     what follows the last `/` or `:` of their ids, a space before and behind each
-- Window  0 days
--
-- `ts` is the last day of such charges.
SELECT
  resource_id AS resource_id,
  provider AS provider,
  payer AS payer,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  charge_category AS charge_category,
  tag_set AS tag_set,
  max(ts) AS ts,
  cast(sum(coalesce(effective_cost, billed_cost)) AS double) AS cost
FROM silver.charge_daily
WHERE billing_period >= :start AND billing_period < :end
  AND resource_id <> 'none' AND charge_category = 'Usage'
  AND strpos(:resources, concat(' ', regexp_replace(resource_id, '^.*[/:]', ''), ' ')) > 0
GROUP BY resource_id, provider, payer, account, service, region, usage_type, charge_category, tag_set
ORDER BY resource_id, provider, payer, account, service, region, usage_type, charge_category, tag_set
