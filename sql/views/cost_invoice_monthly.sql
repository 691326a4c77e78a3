-- views.cost_invoice_monthly: what each account is invoiced for a month, in parts, beside what it cost amortised.
--
-- Reads   silver.charge_daily
--
-- `month` is the bill's, and its partition. The parts sum to `billed_cost` exactly: usage, purchases (commitments, subscriptions), tax,
-- credits, and `other_billed`, which is refunds, adjustments and corrections of earlier invoices. `amortised_cost` is effective, billed
-- of the charges that state none where others of the bill do; null where the bill states none. `amortised_less_billed` is above zero
-- where earlier purchases are used up, below where new ones are paid ahead.
WITH charged AS (
  SELECT
    month, provider, payer, account, currency, billed_cost, effective_cost,
    CASE WHEN charge_class = 'none' THEN charge_category ELSE 'Other' END AS part
  FROM silver.charge_daily
),
monthly AS (
  SELECT
    month, provider, payer, account, currency,
    sum(billed_cost) AS billed_cost,
    sum(CASE WHEN part = 'Usage' THEN billed_cost ELSE 0 END) AS usage_billed,
    sum(CASE WHEN part = 'Purchase' THEN billed_cost ELSE 0 END) AS purchase_billed,
    sum(CASE WHEN part = 'Tax' THEN billed_cost ELSE 0 END) AS tax_billed,
    sum(CASE WHEN part = 'Credit' THEN billed_cost ELSE 0 END) AS credit_billed,
    sum(CASE WHEN part IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN 0 ELSE billed_cost END) AS other_billed,
    CASE
      WHEN sum(count(effective_cost)) OVER (PARTITION BY month, provider, payer) > 0 THEN sum(coalesce(effective_cost, billed_cost))
    END AS amortised_cost
  FROM charged
  GROUP BY month, provider, payer, account, currency
)
SELECT
  month AS month,
  provider AS provider,
  payer AS payer,
  account AS account,
  currency AS currency,
  billed_cost AS billed_cost,
  usage_billed AS usage_billed,
  purchase_billed AS purchase_billed,
  tax_billed AS tax_billed,
  credit_billed AS credit_billed,
  other_billed AS other_billed,
  amortised_cost AS amortised_cost,
  amortised_cost - billed_cost AS amortised_less_billed
FROM monthly
