-- views.cost_efficiency_monthly: how much discounts and commitments save, how far these reach and are used, and what has no tag.
--
-- Reads   silver.charge_daily
--
-- Of usage without corrections, by bill and month; ask for one `month`, which is the partition. `savings_rate` (effective savings rate) is
-- what is not paid of the list price; `coverage` is the part of the list price that commitments cover, of Standard and Committed
-- usage; `utilisation` is the part of commitments' effective cost that is used, the rest is `unused_cost`. `untagged_ratio` is the part
-- of the cost of resources that have no tag. What a bill does not state is taken as billed.
WITH charges AS (
  SELECT
    month, provider, payer, currency,
    CASE
      WHEN pricing_category = 'Committed' AND resource_id <> commitment_id THEN 'covered'
      WHEN commitment_id <> 'none' THEN 'unused'
      WHEN pricing_category = 'Standard' THEN 'on_demand'
      ELSE 'other'
    END AS charged_as,
    resource_id <> 'none' AND resource_id <> commitment_id AS has_resource,
    tag_set <> 'none' AS is_tagged,
    coalesce(effective_cost, billed_cost) AS cost,
    coalesce(list_cost, contracted_cost, effective_cost, billed_cost) AS list_cost
  FROM silver.charge_daily
  WHERE charge_category = 'Usage' AND charge_class = 'none'
),
monthly AS (
  SELECT
    month, provider, payer, currency,
    sum(cost) AS cost,
    coalesce(sum(list_cost) FILTER (WHERE charged_as <> 'unused'), 0) AS list_cost,
    coalesce(sum(list_cost) FILTER (WHERE charged_as = 'covered'), 0) AS covered_list_cost,
    coalesce(sum(list_cost) FILTER (WHERE charged_as IN ('covered', 'on_demand')), 0) AS coverable_list_cost,
    coalesce(sum(cost) FILTER (WHERE charged_as = 'covered'), 0) AS used_cost,
    coalesce(sum(cost) FILTER (WHERE charged_as = 'unused'), 0) AS unused_cost,
    coalesce(sum(cost) FILTER (WHERE has_resource AND cost > 0), 0) AS resource_cost,
    coalesce(sum(cost) FILTER (WHERE has_resource AND cost > 0 AND NOT is_tagged), 0) AS untagged_cost
  FROM charges
  GROUP BY month, provider, payer, currency
)
SELECT
  month AS month,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  cost AS cost,
  list_cost AS list_cost,
  1e0 - cast(cost AS double) / nullif(cast(list_cost AS double), 0e0) AS savings_rate,
  cast(covered_list_cost AS double) / nullif(cast(coverable_list_cost AS double), 0e0) AS coverage,
  cast(used_cost AS double) / nullif(cast(used_cost + unused_cost AS double), 0e0) AS utilisation,
  unused_cost AS unused_cost,
  cast(untagged_cost AS double) / nullif(cast(resource_cost AS double), 0e0) AS untagged_ratio
FROM monthly
