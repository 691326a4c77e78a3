-- views.cost_by_service_daily: cost of each service on each day, in every meaning, with its week before.
--
-- Reads   silver.cost_daily
--
-- Usage and purchases only: tax, credits, refunds and adjustments are in cost_monthly as lines of their own. Trends read
-- `effective_cost` (amortised; purchases are zero there), invoices read `billed_cost`; `change_cost` is of effective cost, billed where a
-- bill states none. Currencies are kept apart, never converted.
WITH daily AS (
  SELECT
    provider, account, service, currency, ts,
    sum(coalesce(effective_cost, billed_cost)) AS cost,
    sum(effective_cost) AS effective_cost,
    sum(billed_cost) AS billed_cost,
    sum(list_cost) AS list_cost,
    cast(sum(lines) AS bigint) AS lines
  FROM silver.cost_daily
  WHERE charge_category IN ('Usage', 'Purchase')
  GROUP BY provider, account, service, currency, ts
)
SELECT
  d.ts AS ts,
  d.provider AS provider,
  d.account AS account,
  d.service AS service,
  d.currency AS currency,
  d.effective_cost AS effective_cost,
  d.billed_cost AS billed_cost,
  d.list_cost AS list_cost,
  d.lines AS lines,
  w.effective_cost AS effective_cost_week_before,
  d.cost - w.cost AS change_cost
FROM daily AS d
LEFT JOIN daily AS w
  ON w.provider = d.provider AND w.account = d.account AND w.service = d.service AND w.currency = d.currency
  AND w.ts = d.ts - INTERVAL '7' DAY
