-- inputs.allocated_charges: what each value of a dimension was charged by service, day and kind, and to which day bills are whole.
--
-- Reads   gold.cost_allocation, silver.bill
-- Params  :dimension       of the allocation
--         :since, :as_of   days in [since, as_of), UTC
-- Window  31 days
--
-- As `inputs.cost_charges`, of shares of charges: one purchase of a service is not told from another, and a correction of usage
-- counts as usage.
WITH complete AS (
  SELECT source, provider, payer, max(complete_through) AS complete_through
  FROM silver.bill
  WHERE superseded_by IS NULL AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
  GROUP BY source, provider, payer
),
charged AS (
  SELECT
    a.provider, a.account, a.service, a.currency, a.value, a.ts, a.billed_cost, a.effective_cost, b.complete_through,
    CASE
      WHEN a.charge_category IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN lower(a.charge_category) ELSE 'correction'
    END AS category
  FROM gold.cost_allocation AS a
  JOIN complete AS b ON b.source = a.source AND b.provider = a.provider AND b.payer = a.payer
  WHERE a.dimension = :dimension AND a.ts >= :since AND a.ts < :as_of
    AND a.billing_period >= :since - INTERVAL '31' DAY AND a.billing_period < :as_of
    AND a.month >= cast(date_trunc('month', :since - INTERVAL '31' DAY) AS date)
),
through AS (
  SELECT provider, account, currency, coalesce(max(complete_through), max(ts)) AS complete_through
  FROM charged
  GROUP BY provider, account, currency
)
SELECT
  c.provider AS provider,
  c.account AS account,
  c.service AS service,
  c.currency AS currency,
  c.value AS value,
  c.category AS category,
  '' AS item,
  c.ts AS ts,
  sum(c.billed_cost) AS billed,
  sum(coalesce(c.effective_cost, c.billed_cost)) AS effective,
  max(t.complete_through) AS complete_through
FROM charged AS c
JOIN through AS t ON t.provider = c.provider AND t.account = c.account AND t.currency = c.currency
GROUP BY c.provider, c.account, c.service, c.currency, c.value, c.category, c.ts
ORDER BY c.provider, c.account, c.service, c.currency, c.value, c.category, c.ts
