-- views.cost_monthly: cost per calendar month, account, service and charge category, with the month before.
--
-- Reads   silver.cost_daily
--
-- A month whose `days` are fewer than it has is incomplete, as the current one always is: compare `effective_usd_per_day`. `change_usd`
-- is of effective cost, billed where a bill states none.
WITH monthly AS (
  SELECT
    date_trunc('month', ts) AS month, provider, account, service, charge_category, currency,
    sum(coalesce(effective_usd, billed_usd)) AS usd,
    sum(effective_usd) AS effective_usd,
    sum(billed_usd) AS billed_usd,
    sum(list_usd) AS list_usd,
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
  m.effective_usd AS effective_usd,
  m.billed_usd AS billed_usd,
  m.list_usd AS list_usd,
  m.effective_usd / cast(m.days AS double) AS effective_usd_per_day,
  b.effective_usd AS effective_usd_month_before,
  m.usd - b.usd AS change_usd
FROM monthly AS m
LEFT JOIN monthly AS b
  ON b.provider = m.provider AND b.account = m.account AND b.service = m.service AND b.charge_category = m.charge_category
  AND b.currency = m.currency AND b.month = m.month - INTERVAL '1' MONTH
