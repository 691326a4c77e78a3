-- inputs.cost_ahead: what each service cost in the last 30 days billed, and is expected to cost in the 30 after a moment.
--
-- Reads   silver.cost_daily, gold.cost_forecast
-- Params  :as_of   of the run, UTC
-- Window  61 days, gold.cost_forecast 0 days
--
-- Effective cost of usage and of purchases; of these what recurs is expected. Means add up, so that the sum of the rows is what is
-- expected of all of them. A service without expected cost has ended. The days billed end with the last of any account, as those of
-- `inputs.executive_kpis` do. `spent_as_billed_usd` is what of it is billed cost, for the bill states no effective one; null where
-- nothing is.
WITH ahead AS (
  SELECT account, service, cast(sum(mean) AS double) AS expected_usd
  FROM gold.cost_forecast
  WHERE as_of = :as_of AND cost = 'effective' AND currency = 'USD' AND level = 'by_account_service' AND kind IN ('usage', 'fee')
    AND granularity = 'day' AND ts >= :as_of AND ts < date_add('day', 30, :as_of)
  GROUP BY account, service
),
billed AS (
  SELECT max(ts) AS ts
  FROM silver.cost_daily
  WHERE currency = 'USD' AND ts >= date_add('day', -31, :as_of) AND ts < :as_of
),
before AS (
  SELECT c.account, c.service, cast(sum(cast(coalesce(c.effective_cost, c.billed_cost) AS decimal(38, 9))) AS double) AS spent_usd,
    cast(sum(CASE WHEN c.effective_cost IS NULL THEN cast(c.billed_cost AS decimal(38, 9)) END) AS double) AS spent_as_billed_usd
  FROM silver.cost_daily AS c
  CROSS JOIN billed AS l
  WHERE c.charge_category IN ('Usage', 'Purchase') AND c.currency = 'USD' AND c.ts > date_add('day', -30, l.ts) AND c.ts <= l.ts
    AND c.ts >= date_add('day', -61, :as_of) AND c.ts < :as_of
  GROUP BY c.account, c.service
)
SELECT
  coalesce(b.account, a.account) AS account,
  coalesce(b.service, a.service) AS service,
  b.spent_usd AS spent_usd,
  b.spent_as_billed_usd AS spent_as_billed_usd,
  a.expected_usd AS expected_usd
FROM before AS b
FULL JOIN ahead AS a ON a.account = b.account AND a.service = b.service
ORDER BY b.spent_usd DESC NULLS LAST, account, service
