-- inputs.cost_resources: what one part of a bill cost by day, place, resource and tags.
--
-- Reads   silver.charge_daily, silver.tag_set
-- Params  :source, :provider, :payer, :currency   whose bill
--         :account, :service, :usage_type   which part of it; an empty text is all
--         :since, :until   days, UTC, half-open
-- Window  31 days
--
-- Usage alone, as `inputs.cost_nodes` has it.
SELECT
  c.ts AS ts,
  c.account AS account,
  c.service AS service,
  c.region AS region,
  c.usage_type AS usage_type,
  c.resource_id AS resource_id,
  coalesce(t.tags_json, '{}') AS tags,
  cast(sum(coalesce(c.effective_cost, c.billed_cost)) AS double) AS cost
FROM silver.charge_daily AS c
LEFT JOIN silver.tag_set AS t
  ON t.billing_period = c.billing_period AND t.source = c.source AND t.tag_set = c.tag_set
  AND t.month >= cast(date_trunc('month', :since) AS date) AND t.billing_period >= :since - INTERVAL '31' DAY
  AND t.billing_period < :until
WHERE c.month >= cast(date_trunc('month', :since) AS date) AND c.billing_period >= :since - INTERVAL '31' DAY
  AND c.billing_period < :until AND c.ts >= :since AND c.ts < :until
  AND c.source = :source AND c.provider = :provider AND c.payer = :payer AND c.currency = :currency
  AND (:account = '' OR c.account = :account)
  AND (:service = '' OR c.service = :service)
  AND (:usage_type = '' OR c.usage_type = :usage_type)
  AND c.charge_category = 'Usage' AND c.charge_class = 'none'
GROUP BY c.ts, c.account, c.service, c.region, c.usage_type, c.resource_id, coalesce(t.tags_json, '{}')
