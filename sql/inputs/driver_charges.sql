-- inputs.driver_charges: what the bills behind two periods charge, as far apart as rules of allocation and parts of a change tell it.
--
-- Reads   silver.charge_daily
-- Params  :before_start, :before_end, :after_start, :after_end   what is compared, UTC, half-open
--         :by_bill   1 compares the bills of whole months, as invoiced; 0 the days of charges, whichever bill has them
--         :as_of   bills of periods that begin before it, none of the four later
--         :by_resource_id   1 where a rule asks for it, else 0: then it is `none`, and there are fewer rows
-- Window  31 days
--
-- A bill that charges either period is read whole, for what is shared in it is split by what all of it charges. `is_use` and the costs
-- are those of `inputs.cost_drivers`: one that a bill does not state is taken as the next that it states.
WITH charges AS (
  SELECT
    month, billing_period, source, provider, payer, currency, ts, account, service, region, usage_type,
    CASE WHEN :by_resource_id = 1 THEN resource_id ELSE 'none' END AS resource_id, charge_category, tag_set, unit,
    CASE WHEN charge_category = 'Usage' AND charge_class = 'none' AND coalesce(quantity, 0) > 0 THEN 1 ELSE 0 END AS is_use,
    quantity, billed_cost,
    coalesce(effective_cost, billed_cost) AS effective_cost,
    coalesce(list_cost, contracted_cost, effective_cost, billed_cost) AS list_cost,
    coalesce(contracted_cost, list_cost, effective_cost, billed_cost) AS contracted_cost
  FROM silver.charge_daily
),
bill AS (
  SELECT DISTINCT billing_period
  FROM silver.charge_daily
  WHERE month >= cast(date_trunc('month', least(:before_start, :after_start) - INTERVAL '31' DAY) AS date)
    AND billing_period >= least(:before_start, :after_start) - INTERVAL '31' DAY AND billing_period < :as_of
    AND (
      (CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END >= :before_start
        AND CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END < :before_end)
      OR (CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END >= :after_start
        AND CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END < :after_end)
    )
)
SELECT
  c.billing_period AS billing_period,
  c.source AS source,
  c.provider AS provider,
  c.payer AS payer,
  c.currency AS currency,
  c.ts AS ts,
  c.account AS account,
  c.service AS service,
  c.region AS region,
  c.usage_type AS usage_type,
  c.resource_id AS resource_id,
  c.charge_category AS charge_category,
  c.tag_set AS tag_set,
  c.unit AS unit,
  c.is_use AS is_use,
  sum(CASE WHEN c.is_use = 1 THEN c.quantity ELSE 0 END) AS quantity,
  sum(c.billed_cost) AS billed_cost,
  sum(c.effective_cost) AS effective_cost,
  sum(c.list_cost) AS list_cost,
  sum(c.contracted_cost) AS contracted_cost
FROM charges AS c
INNER JOIN bill AS b ON b.billing_period = c.billing_period
WHERE c.month >= cast(date_trunc('month', least(:before_start, :after_start) - INTERVAL '31' DAY) AS date)
  AND c.billing_period >= least(:before_start, :after_start) - INTERVAL '31' DAY AND c.billing_period < :as_of
GROUP BY
  c.billing_period, c.source, c.provider, c.payer, c.currency, c.ts, c.account, c.service, c.region, c.usage_type, c.resource_id,
  c.charge_category, c.tag_set, c.unit, c.is_use
