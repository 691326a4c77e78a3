-- inputs.spend_by_day: usage as it was charged by the day, in dollars, by what covers it and whether it is tagged.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days in [since, as_of), UTC, without the newest two, of which bills do not have all yet
-- Window  31 days
--
-- `charged_as` is covered (by a commitment), unused (paid for a commitment and not used; what CUR takes back is here with nothing paid),
-- on_demand, or other (Spot, credits, what has no price of its own). FOCUS names the commitment itself as the resource of what is
-- unused. Without a list price the negotiated one stands for it, without an effective cost what is billed.
WITH charges AS (
  SELECT
    ts, payer, account, region, service, usage_type, commitment_id,
    CASE
      WHEN pricing_category = 'Committed' AND resource_id <> commitment_id THEN 'covered'
      WHEN commitment_id <> 'none' THEN 'unused'
      WHEN pricing_category = 'Standard' THEN 'on_demand'
      ELSE 'other'
    END AS charged_as,
    resource_id <> 'none' AND resource_id <> commitment_id AS has_resource,
    tag_set <> 'none' AS is_tagged,
    coalesce(list_cost, contracted_cost) AS list_cost,
    coalesce(effective_cost, billed_cost) AS effective_cost
  FROM silver.charge_daily
  WHERE ts >= :since AND ts < :as_of - INTERVAL '2' DAY
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(:since - INTERVAL '31' DAY AS date) AND month <= cast(:as_of AS date)
    AND charge_category = 'Usage' AND charge_class = 'none' AND currency = 'USD'
)
SELECT
  ts AS ts,
  payer AS payer,
  account AS account,
  region AS region,
  service AS service,
  usage_type AS usage_type,
  commitment_id AS commitment_id,
  charged_as AS charged_as,
  has_resource AS has_resource,
  is_tagged AS is_tagged,
  cast(sum(list_cost) AS double) AS list_usd,
  cast(sum(effective_cost) AS double) AS effective_usd
FROM charges
GROUP BY ts, payer, account, region, service, usage_type, commitment_id, charged_as, has_resource, is_tagged
ORDER BY ts, payer, account, region, service, usage_type, commitment_id, charged_as, has_resource, is_tagged
