-- views.cost_monthly: cost per calendar month, account, service and charge category, with the month before.
--
-- Reads   silver.cost_daily
--
-- A month whose `days` are fewer than it has is incomplete, as the current one always is: compare `effective_cost_per_day`. `change_cost`
-- is of effective cost, billed where a bill states none.
WITH monthly AS (
  SELECT
    date_trunc('month', ts) AS month, provider, account, service, charge_category, currency,
    sum(coalesce(effective_cost, billed_cost)) AS cost,
    sum(effective_cost) AS effective_cost,
    sum(billed_cost) AS billed_cost,
    sum(list_cost) AS list_cost,
    count(DISTINCT ts) AS days
  FROM silver.cost_daily
  GROUP BY date_trunc('month', ts), provider, account, service, charge_category, currency
)
SELECT
  m.month AS month,
  m.provider AS provider,
  m.account AS account,
  m.service AS service,
  m.charge_category AS charge_category,
  m.currency AS currency,
  m.days AS days,
  m.effective_cost AS effective_cost,
  m.billed_cost AS billed_cost,
  m.list_cost AS list_cost,
  m.effective_cost / cast(m.days AS double) AS effective_cost_per_day,
  b.effective_cost AS effective_cost_month_before,
  m.cost - b.cost AS change_cost
FROM monthly AS m
LEFT JOIN monthly AS b
  ON b.provider = m.provider AND b.account = m.account AND b.service = m.service AND b.charge_category = m.charge_category
  AND b.currency = m.currency AND b.month = m.month - INTERVAL '1' MONTH
