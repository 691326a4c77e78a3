-- inputs.cost_rises: cost of each service, account and region in the last 30 days billed, against the 30 before; largest rise first.
--
-- Reads   silver.cost_daily
-- Params  :as_of   nothing later counts, UTC
-- Window  91 days
--
-- Days are those of `cost_last_30d` and `cost_change_30d` in inputs.executive_kpis: they end at the last day billed, not at the
-- moment, or a bill that is late would read as a fall. Where bills do not reach back 60 days nothing can be compared, and there is
-- no row. The jump is the day of the last 30 that rose most over the same weekday of the week before; a day without cost is zero.
WITH billed AS (
  SELECT max(ts) AS last_at
  FROM silver.cost_daily
  WHERE currency = 'USD' AND ts < :as_of AND ts >= :as_of - INTERVAL '31' DAY
),
daily AS (
  SELECT
    c.service, c.account, c.region, c.ts, max(b.last_at) AS last_at,
    sum(cast(coalesce(c.effective_cost, c.billed_cost) AS decimal(38, 9))) AS usd
  FROM silver.cost_daily AS c
  CROSS JOIN billed AS b
  WHERE c.charge_category IN ('Usage', 'Purchase') AND c.currency = 'USD'
    AND c.ts <= b.last_at AND c.ts >= :as_of - INTERVAL '91' DAY
  GROUP BY c.service, c.account, c.region, c.ts
),
reach AS (
  SELECT min(ts) <= max(last_at) - INTERVAL '59' DAY AS is_whole
  FROM daily
),
jumps AS (
  SELECT
    d.service, d.account, d.region, d.ts, d.usd, coalesce(w.usd, 0) AS week_before,
    row_number() OVER (PARTITION BY d.service, d.account, d.region ORDER BY d.usd - coalesce(w.usd, 0) DESC, d.ts) AS nth
  FROM daily AS d
  LEFT JOIN daily AS w
    ON w.service = d.service AND w.account = d.account AND w.region = d.region AND w.ts = d.ts - INTERVAL '7' DAY
  WHERE d.ts > d.last_at - INTERVAL '30' DAY
),
compared AS (
  SELECT
    service, account, region,
    coalesce(sum(usd) FILTER (WHERE ts > last_at - INTERVAL '30' DAY), 0) AS recent,
    coalesce(sum(usd) FILTER (WHERE ts <= last_at - INTERVAL '30' DAY), 0) AS before
  FROM daily
  WHERE ts > last_at - INTERVAL '60' DAY
  GROUP BY service, account, region
)
SELECT
  c.service AS service,
  c.account AS account,
  c.region AS region,
  cast(c.recent AS double) AS recent_usd,
  cast(c.before AS double) AS before_usd,
  cast(c.recent - c.before AS double) AS rise_usd,
  j.ts AS jumped_at,
  cast(j.usd AS double) AS jumped_to_usd,
  cast(j.week_before AS double) AS jumped_from_usd
FROM compared AS c
JOIN reach AS r ON r.is_whole
LEFT JOIN jumps AS j ON j.service = c.service AND j.account = c.account AND j.region = c.region AND j.nth = 1
ORDER BY c.recent - c.before DESC, c.service, c.account, c.region
