-- views.cost_to_date_monthly: what each service costs each account in a month so far, against the month before to the same day.
--
-- Reads   silver.charge_daily
--
-- `month` is the newer one, as of the bill; its partition alone is read of it, the month before has to be looked for. `to_day` is the
-- day of the month that the bill has usage for last, of all its services; what an earlier month is charged in it counts from the first.
-- `cost` is effective, billed where there is none; `cost_before` is of the month before to `to_day`, `whole_cost_before` of all of it.
-- Of a bill's first month there is no row. Against budgets, see cost_course_current.
WITH daily AS (
  SELECT
    month, provider, payer, currency, account, service,
    CASE WHEN ts < billing_period THEN 1 ELSE day(ts) END AS day_of_month,
    sum(coalesce(effective_cost, billed_cost)) AS cost,
    sum(billed_cost) AS billed_cost,
    max(CASE WHEN charge_category = 'Usage' THEN 1 ELSE 0 END) AS has_usage
  FROM silver.charge_daily
  GROUP BY month, provider, payer, currency, account, service, CASE WHEN ts < billing_period THEN 1 ELSE day(ts) END
),
reached AS (
  SELECT
    month, provider, payer, currency, cast(month - INTERVAL '1' MONTH AS date) AS month_before,
    coalesce(max(CASE WHEN has_usage = 1 THEN day_of_month END), max(day_of_month)) AS to_day
  FROM daily
  GROUP BY month, provider, payer, currency
),
compared AS (
  SELECT r.month, r.to_day, d.provider, d.payer, d.currency, d.account, d.service, 1 AS is_now, d.day_of_month, d.cost, d.billed_cost
  FROM reached AS r
  INNER JOIN daily AS d
    ON d.month = r.month AND d.provider = r.provider AND d.payer = r.payer AND d.currency = r.currency
  UNION ALL
  SELECT r.month, r.to_day, d.provider, d.payer, d.currency, d.account, d.service, 0 AS is_now, d.day_of_month, d.cost, d.billed_cost
  FROM reached AS r
  INNER JOIN daily AS d
    ON d.month = r.month_before AND d.provider = r.provider AND d.payer = r.payer AND d.currency = r.currency
),
summed AS (
  SELECT
    month, to_day, provider, payer, currency, account, service,
    min(min(is_now)) OVER (PARTITION BY month, provider, payer, currency) AS lacks_before,
    sum(CASE WHEN is_now = 1 THEN cost ELSE 0 END) AS cost,
    sum(CASE WHEN is_now = 0 AND day_of_month <= to_day THEN cost ELSE 0 END) AS cost_before,
    sum(CASE WHEN is_now = 0 THEN cost ELSE 0 END) AS whole_cost_before,
    sum(CASE WHEN is_now = 1 THEN billed_cost ELSE 0 END) AS billed_cost,
    sum(CASE WHEN is_now = 0 AND day_of_month <= to_day THEN billed_cost ELSE 0 END) AS billed_cost_before
  FROM compared
  GROUP BY month, to_day, provider, payer, currency, account, service
)
SELECT
  month AS month,
  to_day AS to_day,
  provider AS provider,
  payer AS payer,
  account AS account,
  service AS service,
  currency AS currency,
  cost AS cost,
  cost_before AS cost_before,
  cost - cost_before AS change,
  cast(cost - cost_before AS double) / nullif(cast(abs(cost_before) AS double), 0e0) AS change_ratio,
  whole_cost_before AS whole_cost_before,
  billed_cost AS billed_cost,
  billed_cost_before AS billed_cost_before
FROM summed
WHERE lacks_before = 0
