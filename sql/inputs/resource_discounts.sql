-- inputs.resource_discounts: what each resource was charged at list price, and how much of that no commitment covers, in dollars.
--
-- Reads   views.usage_charged
-- Params  :since, :as_of   days in [since, as_of), UTC, without the newest two, of which bills do not have all yet
-- Window  31 days
--
-- Of the usage types of which a commitment covers any, else of all: a reservation covers the hours of an instance, not its traffic.
-- `uncovered_usd` is what is paid for what is not covered, after negotiated discounts. Unused commitment and what CUR takes back
-- belong to the commitment. Without a list price the negotiated one stands for it, without an effective cost what is billed. The bill's
-- own names of resources.
WITH by_usage AS (
  SELECT
    account, resource_id, usage_type,
    max(CASE WHEN charged_as = 'covered' THEN 1 ELSE 0 END) AS any_covered,
    sum(list_cost) AS list_cost,
    coalesce(sum(list_cost) FILTER (WHERE charged_as = 'covered'), 0) AS covered_cost,
    coalesce(sum(cost) FILTER (WHERE charged_as <> 'covered'), 0) AS uncovered_cost
  FROM views.usage_charged
  WHERE ts >= :since AND ts < :as_of - INTERVAL '2' DAY
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(:since - INTERVAL '31' DAY AS date) AND month <= cast(:as_of AS date)
    AND currency = 'USD' AND has_resource AND charged_as <> 'unused'
  GROUP BY account, resource_id, usage_type
),
judged AS (
  SELECT account, resource_id, list_cost, covered_cost, uncovered_cost,
    any_covered = max(any_covered) OVER (PARTITION BY account, resource_id) AS counts
  FROM by_usage
)
SELECT
  account AS account,
  resource_id AS resource_id,
  cast(sum(list_cost) AS double) AS list_usd,
  cast(sum(covered_cost) AS double) AS covered_list_usd,
  cast(sum(uncovered_cost) AS double) AS uncovered_usd
FROM judged
WHERE counts
GROUP BY account, resource_id
ORDER BY account, resource_id
