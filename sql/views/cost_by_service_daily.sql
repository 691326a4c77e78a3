-- views.cost_by_service_daily: cost of each service on each day, in every meaning, with its week before.
--
-- Reads   silver.cost_daily
--
-- Usage and purchases only: tax, credits, refunds and adjustments are in cost_monthly as lines of their own. Trends read
-- `effective_usd` (amortised; purchases are zero there), invoices read `billed_usd`; `change_usd` is of effective cost, billed where a
-- bill states none. Currencies are kept apart, never converted.
WITH daily AS (
  SELECT
    provider, account, service, currency, ts,
    sum(coalesce(effective_usd, billed_usd)) AS usd,
    sum(effective_usd) AS effective_usd,
    sum(billed_usd) AS billed_usd,
    sum(list_usd) AS list_usd,
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
  d.effective_usd AS effective_usd,
  d.billed_usd AS billed_usd,
  d.list_usd AS list_usd,
  d.lines AS lines,
  w.effective_usd AS effective_usd_week_before,
  d.usd - w.usd AS change_usd
FROM daily AS d
LEFT JOIN daily AS w
  ON w.provider = d.provider AND w.account = d.account AND w.service = d.service AND w.currency = d.currency
  AND w.ts = d.ts - INTERVAL '7' DAY
