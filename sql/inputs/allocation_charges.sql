-- inputs.allocation_charges: what was charged, as far apart as rules of allocation tell it apart.
--
-- Reads   silver.charge_daily
-- Params  :start, :end   whole months, UTC, half-open
--         :by_resource_id, :by_usage_type   1 where a rule asks for it, else 0: then it is `none`, and there are fewer rows
-- Window  0 days
SELECT
  billing_period AS billing_period,
  source AS source,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  ts AS ts,
  account AS account,
  service AS service,
  region AS region,
  CASE WHEN :by_usage_type = 1 THEN usage_type ELSE 'none' END AS usage_type,
  CASE WHEN :by_resource_id = 1 THEN resource_id ELSE 'none' END AS resource_id,
  charge_category AS charge_category,
  tag_set AS tag_set,
  sum(billed_cost) AS billed_cost,
  sum(effective_cost) AS effective_cost,
  sum(list_cost) AS list_cost,
  sum(contracted_cost) AS contracted_cost
FROM silver.charge_daily
WHERE billing_period >= :start AND billing_period < :end
GROUP BY
  billing_period, source, provider, payer, currency, ts, account, service, region, charge_category, tag_set,
  CASE WHEN :by_usage_type = 1 THEN usage_type ELSE 'none' END, CASE WHEN :by_resource_id = 1 THEN resource_id ELSE 'none' END
