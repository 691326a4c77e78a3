-- inputs.spend_by_day: usage as it was charged by the day, in dollars, by what covers it and whether it is tagged.
--
-- Reads   views.usage_charged
-- Params  :since, :as_of   days in [since, as_of), UTC, without the newest two, of which bills do not have all yet
-- Window  31 days
--
-- `charged_as` and what a missing cost is taken for, the view says. `list_price` is of an hour of a machine, database or cache, of which
-- a usage type does not tell the system or engine; null of all else, and where no quantity or no list price is stated: what was
-- negotiated tells nothing.
WITH charged AS (
  SELECT
    ts, payer, account, region, service, usage_type, commitment_id, charged_as, has_resource, is_tagged, list_cost, cost,
    CASE
      WHEN regexp_like(usage_type, '(^|-)(BoxUsage|DedicatedUsage|InstanceUsage|Multi-AZUsage|NodeUsage):') AND quantity > 0 AND is_listed
        THEN round(cast(list_cost AS double) / nullif(cast(quantity AS double), 0e0), 6)
    END AS list_price
  FROM views.usage_charged
  WHERE ts >= :since AND ts < :as_of - INTERVAL '2' DAY
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(:since - INTERVAL '31' DAY AS date) AND month <= cast(:as_of AS date)
    AND currency = 'USD'
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
  list_price AS list_price,
  cast(sum(list_cost) AS double) AS list_usd,
  cast(sum(cost) AS double) AS effective_usd
FROM charged
GROUP BY ts, payer, account, region, service, usage_type, commitment_id, charged_as, has_resource, is_tagged, list_price
ORDER BY ts, payer, account, region, service, usage_type, commitment_id, charged_as, has_resource, is_tagged, list_price
