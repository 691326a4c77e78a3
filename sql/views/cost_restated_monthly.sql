-- views.cost_restated_monthly: what became of closed months: what was said first, what is said now, and how often that changed.
--
-- Reads   silver.cost_restatement
--
-- One row per source, export, account and service of a month; `month` is the bill's, and its partition. The change is what is said now
-- less what was said first, and the sum of all changes between. An export that another takes the place of is in it, too.
WITH ordered AS (
  SELECT
    month, source, export, provider, payer, currency, account, service, first_seen_at,
    coalesce(old_billed, 0) AS old_billed, coalesce(new_billed, 0) AS new_billed, billed_delta,
    effective_delta,
    row_number() OVER (PARTITION BY month, source, export, provider, payer, currency, account, service ORDER BY first_seen_at) AS nth,
    row_number() OVER (PARTITION BY month, source, export, provider, payer, currency, account, service ORDER BY first_seen_at DESC) AS nth_last
  FROM silver.cost_restatement
)
SELECT
  month AS month,
  source AS source,
  export AS export,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  account AS account,
  service AS service,
  count(*) AS times,
  min(first_seen_at) AS first_seen_at,
  max(first_seen_at) AS last_seen_at,
  max(CASE WHEN nth = 1 THEN old_billed END) AS billed_first,
  max(CASE WHEN nth_last = 1 THEN new_billed END) AS billed_now,
  sum(billed_delta) AS billed_change,
  sum(effective_delta) AS effective_change
FROM ordered
GROUP BY month, source, export, provider, payer, currency, account, service
