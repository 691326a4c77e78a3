-- inputs.cost_charges: what each service of each account was charged by day and kind, and through which day its bills are complete.
--
-- Reads   silver.charge_daily, silver.bill
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  31 days
--
-- A month's bill may charge days of the month before. One purchase is told from another by what was bought and the commitment, one
-- correction by the category that it corrects; the rest is summed. Sums are exact decimals; where a bill states no effective cost,
-- what is billed stands for it. What is billed by an account's payers is complete through the last day of which any of them has
-- usage, without usage through the last charge.
WITH complete AS (
  SELECT source, provider, payer, max(complete_through) AS complete_through
  FROM silver.bill
  WHERE superseded_by IS NULL AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
  GROUP BY source, provider, payer
),
charged AS (
  SELECT
    c.provider, c.account, c.service, c.currency, c.ts, c.billed_cost, c.effective_cost, b.complete_through,
    CASE
      WHEN c.charge_class = 'Correction' THEN 'correction'
      WHEN c.charge_category IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN lower(c.charge_category)
      ELSE 'correction'
    END AS category,
    CASE
      WHEN c.charge_class = 'Correction' THEN lower(c.charge_category)
      WHEN c.charge_category = 'Purchase' THEN concat_ws('/', c.usage_type, c.commitment_id)
      ELSE ''
    END AS item
  FROM silver.charge_daily AS c
  JOIN complete AS b ON b.source = c.source AND b.provider = c.provider AND b.payer = c.payer
  WHERE c.ts >= :since AND c.ts < :as_of
    AND c.billing_period >= :since - INTERVAL '31' DAY AND c.billing_period < :as_of
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
  c.category AS category,
  c.item AS item,
  c.ts AS ts,
  sum(c.billed_cost) AS billed,
  sum(coalesce(c.effective_cost, c.billed_cost)) AS effective,
  max(t.complete_through) AS complete_through
FROM charged AS c
JOIN through AS t ON t.provider = c.provider AND t.account = c.account AND t.currency = c.currency
GROUP BY c.provider, c.account, c.service, c.currency, c.category, c.item, c.ts
ORDER BY c.provider, c.account, c.service, c.currency, c.category, c.item, c.ts
