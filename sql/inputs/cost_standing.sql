-- inputs.cost_standing: what the resources that matter to a usage type of a bill cost on each day, as far as it is judged.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days, UTC, half-open
-- Window  31 days
--
-- Usage alone, as `inputs.cost_nodes` has it. Those matter that are a twentieth of a usage type in some month and more, so that there are
-- at most twenty of it and month; where there is only one of a usage type, it hides nothing, and is left out.
WITH charged AS (
  SELECT
    source, provider, payer, currency, ts, account, service, usage_type, unit, resource_id,
    sum(coalesce(effective_cost, billed_cost)) AS cost
  FROM silver.charge_daily
  WHERE month >= cast(date_trunc('month', :since) AS date) AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND ts >= :since AND ts < :as_of
    AND charge_category = 'Usage' AND charge_class = 'none'
  GROUP BY source, provider, payer, currency, ts, account, service, usage_type, unit, resource_id
),
by_month AS (
  SELECT
    source, provider, payer, currency, account, service, usage_type, resource_id,
    sum(cost) AS cost,
    sum(sum(cost)) OVER (PARTITION BY source, provider, payer, currency, account, service, usage_type, date_trunc('month', ts)) AS whole
  FROM charged
  GROUP BY source, provider, payer, currency, account, service, usage_type, resource_id, date_trunc('month', ts)
),
standing AS (
  SELECT
    source, provider, payer, currency, account, service, usage_type, resource_id,
    count(*) OVER (PARTITION BY source, provider, payer, currency, account, service, usage_type) AS beside
  FROM by_month
  WHERE resource_id <> 'none' AND cost * 20 >= whole AND cost > 0
  GROUP BY source, provider, payer, currency, account, service, usage_type, resource_id
)
SELECT
  c.source AS source,
  c.provider AS provider,
  c.payer AS payer,
  c.currency AS currency,
  c.ts AS ts,
  c.account AS account,
  c.service AS service,
  c.usage_type AS usage_type,
  c.resource_id AS resource_id,
  c.unit AS unit,
  cast(c.cost AS double) AS cost
FROM charged AS c
INNER JOIN standing AS s
  ON s.source = c.source AND s.provider = c.provider AND s.payer = c.payer AND s.currency = c.currency AND s.account = c.account
  AND s.service = c.service AND s.usage_type = c.usage_type AND s.resource_id = c.resource_id
WHERE s.beside >= 2
