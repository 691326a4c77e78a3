-- inputs.allocated_charges: what each value of a dimension was charged by service, day and kind, and to which day that is whole.
--
-- Reads   gold.cost_allocation
-- Params  :dimension       of the allocation
--         :since, :as_of   days in [since, as_of), UTC
-- Window  31 days
--
-- As `inputs.cost_charges`, of shares of charges: one purchase of a service is not told from another, and a correction of usage
-- counts as usage. It is whole through the last day of which usage of a payer is allocated, whoever has it: what is billed and not
-- allocated yet is not taken for a day without cost.
WITH charged AS (
  SELECT
    source, payer, provider, account, service, currency, value, ts, billed_cost, effective_cost,
    CASE
      WHEN charge_category IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN lower(charge_category) ELSE 'correction'
    END AS category
  FROM gold.cost_allocation
  WHERE dimension = :dimension AND ts >= :since AND ts < :as_of
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(date_trunc('month', :since - INTERVAL '31' DAY) AS date)
),
complete AS (
  SELECT source, provider, payer, max(CASE WHEN category = 'usage' THEN ts END) AS complete_through
  FROM charged
  GROUP BY source, provider, payer
),
through AS (
  SELECT c.provider, c.account, c.currency, coalesce(max(w.complete_through), max(c.ts)) AS complete_through
  FROM charged AS c
  JOIN complete AS w ON w.source = c.source AND w.provider = c.provider AND w.payer = c.payer
  GROUP BY c.provider, c.account, c.currency
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
