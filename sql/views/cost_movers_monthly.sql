-- views.cost_movers_monthly: what each service costs each team, project … against the month before, and whose change is the largest.
--
-- Reads   gold.cost_allocation
--
-- `month` is the newer one, as of the bill; its partition alone is read of it, the month before has to be looked for. What is new or
-- gone has zero on one side; a month of a dimension that none is before is compared with nothing. Cost is effective, billed where there
-- is none. `rank` is by the size of the change within a month, dimension and currency. Where a month goes on its `days`, those of the service that has most of them, are fewer than
-- `days_before`: compare cost by the day.
WITH monthly AS (
  SELECT
    month, dimension, value, service, currency,
    sum(coalesce(effective_cost, billed_cost)) AS cost,
    count(DISTINCT ts) AS days
  FROM gold.cost_allocation
  GROUP BY month, dimension, value, service, currency
),
sides AS (
  SELECT month, dimension, value, service, currency, cost, days, cast(0 AS decimal(38, 12)) AS cost_before, 0 AS days_before
  FROM monthly
  UNION ALL
  SELECT
    cast(month + INTERVAL '1' MONTH AS date) AS month, dimension, value, service, currency,
    cast(0 AS decimal(38, 12)) AS cost, 0 AS days, cost AS cost_before, days AS days_before
  FROM monthly
),
compared AS (
  SELECT
    month, dimension, value, service, currency,
    sum(cost) AS cost,
    sum(cost_before) AS cost_before,
    max(max(days)) OVER (PARTITION BY month, dimension, currency) AS days,
    max(max(days_before)) OVER (PARTITION BY month, dimension, currency) AS days_before
  FROM sides
  GROUP BY month, dimension, value, service, currency
)
SELECT
  month AS month,
  dimension AS dimension,
  value AS value,
  service AS service,
  currency AS currency,
  days AS days,
  days_before AS days_before,
  cost AS cost,
  cost_before AS cost_before,
  cost - cost_before AS change,
  row_number() OVER (PARTITION BY month, dimension, currency ORDER BY abs(cost - cost_before) DESC, value, service) AS rank
FROM compared
WHERE days > 0 AND days_before > 0
