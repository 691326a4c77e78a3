-- views.cost_efficiency_monthly: how much discounts and commitments save, how far these reach and are used, and what has no tag.
--
-- Reads   views.usage_charged
--
-- Of usage without corrections, by bill and month; ask for one `month`, which is the partition. `savings_rate` (effective savings rate) is
-- what is not paid of the list price; `coverage` is the part of the list price that commitments cover, of Standard and Committed
-- usage; `utilisation` is the part of commitments' effective cost that is used, the rest is `unused_cost`. `untagged_ratio` is the part
-- of the cost of resources that have no tag. Without a list price the cost stands for it, so that nothing is saved; where a bill has
-- commitments and does not state effective cost, nobody knows what they cost: `savings_rate`, `utilisation` and `unused_cost` are null.
WITH monthly AS (
  SELECT
    month, provider, payer, currency,
    sum(cost) AS cost,
    coalesce(sum(coalesce(list_cost, cost)) FILTER (WHERE charged_as <> 'unused'), 0) AS list_cost,
    coalesce(sum(coalesce(list_cost, cost)) FILTER (WHERE charged_as = 'covered'), 0) AS covered_list_cost,
    coalesce(sum(coalesce(list_cost, cost)) FILTER (WHERE charged_as IN ('covered', 'on_demand')), 0) AS coverable_list_cost,
    count(*) FILTER (WHERE charged_as IN ('covered', 'unused') AND NOT is_effective) = 0 AS is_known,
    coalesce(sum(cost) FILTER (WHERE charged_as = 'covered'), 0) AS used_cost,
    coalesce(sum(cost) FILTER (WHERE charged_as = 'unused'), 0) AS unused_cost,
    coalesce(sum(cost) FILTER (WHERE has_resource AND cost > 0), 0) AS resource_cost,
    coalesce(sum(cost) FILTER (WHERE has_resource AND cost > 0 AND NOT is_tagged), 0) AS untagged_cost
  FROM views.usage_charged
  GROUP BY month, provider, payer, currency
)
SELECT
  month AS month,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  cost AS cost,
  list_cost AS list_cost,
  CASE WHEN is_known THEN 1e0 - cast(cost AS double) / nullif(cast(list_cost AS double), 0e0) END AS savings_rate,
  cast(covered_list_cost AS double) / nullif(cast(coverable_list_cost AS double), 0e0) AS coverage,
  CASE WHEN is_known THEN cast(used_cost AS double) / nullif(cast(used_cost + unused_cost AS double), 0e0) END AS utilisation,
  CASE WHEN is_known THEN unused_cost END AS unused_cost,
  cast(untagged_cost AS double) / nullif(cast(resource_cost AS double), 0e0) AS untagged_ratio
FROM monthly
