-- gold.cost_forecast_score: every forecast of cost, at chosen lead times, beside what was then charged.
--
-- Reads   gold.cost_forecast, silver.cost_daily, gold.cost_allocation, silver.bill
-- Params  :start, :end   whole months, UTC, half-open: the periods that end in them are scored
-- Window  gold.cost_forecast 90 days, silver.cost_daily 135 days, gold.cost_allocation 166 days, silver.bill 31 days
--
-- A period is scored once all that bill have its last day: each payer that was billed in its last month or the one before. A day
-- is complete two days after it where its bill has use of that day or a later one; a month that is over, two days after its end. A
-- payer without a bill for 31 days has left. A forecast counts from its own `as_of` on. What is charged is as bills say it now, of
-- all categories or of use; effective cost that is not stated is what is billed; of teams it is what bills of those months and
-- before are allocated to them now, and `unallocated` where nothing of a service's day and category is. The seasonal naive takes
-- what the forecast knew to be billed of the period, and repeats the last seven days before its cutoff. A band holds what misses it
-- by less than a millionth.
WITH newest AS (
  SELECT max(ingested_at) AS ingested_at
  FROM silver.bill
  WHERE superseded_by IS NULL AND billing_period >= :start AND billing_period < :end
),
paid AS (
  SELECT
    source, provider, payer,
    max(CASE
      WHEN billing_period < :start THEN NULL
      -- `least` skips nulls in one engine alone.
      WHEN complete_through IS NULL AND ingested_at < date_add('day', 2, :end) THEN NULL
      WHEN ingested_at >= date_add('day', 2, :end) THEN date_add('day', -1, :end)
      ELSE least(complete_through, date_trunc('day', date_add('day', -2, ingested_at)))
    END) AS through,
    max(billing_period) AS last_billed
  FROM silver.bill
  WHERE superseded_by IS NULL AND billing_period >= date_add('day', -31, :start) AND billing_period < :end
  GROUP BY source, provider, payer
),
complete AS (
  SELECT
    p.provider,
    min(CASE
      WHEN p.last_billed < :start AND n.ingested_at >= date_add('day', 31, :start) THEN :end
      ELSE coalesce(p.through, date_add('day', -1, :start))
    END) AS through
  FROM paid AS p
  CROSS JOIN newest AS n
  GROUP BY p.provider
),
through AS (
  SELECT provider, through FROM complete
  UNION ALL
  SELECT 'all' AS provider, min(through) AS through FROM complete
),
believed AS (
  SELECT
    as_of, cost, provider, account, service, team, currency, level, kind, granularity, ts, billed, mean,
    p05, p10, p25, p50, p75, p90, p95, p99, model, complete_through,
    date_add('day', -1, CASE granularity
      WHEN 'day' THEN date_add('day', 1, ts) WHEN 'month' THEN date_add('month', 1, ts) ELSE date_add('month', 3, ts)
    END) AS last_day
  FROM gold.cost_forecast
  WHERE kind IN ('all', 'usage') AND as_of >= date_add('day', -90, :start) AND as_of < :end
    AND day >= cast(date_add('day', -90, :start) AS date) AND day <= cast(:end AS date)
),
published AS (
  SELECT
    b.as_of, b.cost, b.provider, b.account, b.service, b.team, b.currency, b.level, b.kind, b.granularity, b.ts, b.billed, b.mean,
    b.p05, b.p10, b.p25, b.p50, b.p75, b.p90, b.p95, b.p99, b.model, b.complete_through, b.last_day,
    date_diff('day', b.as_of, b.last_day) + 1 AS lead,
    -- Days from the cutoff to the first and to the last that is ahead in the period.
    greatest(date_diff('day', b.complete_through, b.ts), 1) AS first_ahead,
    date_diff('day', b.complete_through, b.last_day) AS last_ahead
  FROM believed AS b
  INNER JOIN through AS t ON t.provider = b.provider AND b.last_day <= t.through
  WHERE b.last_day >= :start AND b.last_day < :end
    AND date_diff('day', b.as_of, b.last_day) + 1 IN (1, 2, 3, 5, 7, 10, 14, 20, 25, 30, 60, 90)
),
daily AS (
  SELECT
    provider, account, service, currency, ts,
    cast(billed_cost AS decimal(38, 9)) AS billed,
    cast(coalesce(effective_cost, billed_cost) AS decimal(38, 9)) AS effective,
    charge_category
  FROM silver.cost_daily
  WHERE ts >= date_add('day', -135, :start) AND ts < :end
),
allocated AS (
  SELECT
    provider, account, service, CASE WHEN value = 'all' THEN 'unallocated' ELSE value END AS team, currency, ts,
    cast(billed_cost AS decimal(38, 9)) AS billed,
    cast(coalesce(effective_cost, billed_cost) AS decimal(38, 9)) AS effective,
    charge_category
  FROM gold.cost_allocation
  WHERE dimension = 'team' AND ts >= date_add('day', -135, :start) AND ts < :end
    AND billing_period >= date_add('day', -166, :start) AND billing_period < :end
    AND month >= cast(date_trunc('month', date_add('day', -166, :start)) AS date)
),
somebodys AS (
  SELECT DISTINCT provider, account, service, currency, ts, charge_category FROM allocated
),
charged AS (
  SELECT provider, account, service, 'all' AS team, currency, ts, billed, effective, charge_category FROM daily
  UNION ALL
  SELECT provider, account, service, team, currency, ts, billed, effective, charge_category FROM allocated
  UNION ALL
  SELECT d.provider, d.account, d.service, 'unallocated' AS team, d.currency, d.ts, d.billed, d.effective, d.charge_category
  FROM daily AS d
  LEFT JOIN somebodys AS s
    ON s.provider = d.provider AND s.account = d.account AND s.service = d.service AND s.currency = d.currency AND s.ts = d.ts
    AND s.charge_category = d.charge_category
  WHERE s.ts IS NULL
),
-- Not as unions: Trino works a part out anew wherever it is named, and Athena refuses a query of more than 150 stages.
meant AS (
  SELECT
    m.cost, m.kind, c.provider, c.account, c.service, c.team, c.currency, c.ts,
    CASE WHEN m.cost = 'billed' THEN c.billed ELSE c.effective END AS amount
  FROM charged AS c
  CROSS JOIN (VALUES ('billed', 'all'), ('effective', 'all'), ('billed', 'usage'), ('effective', 'usage')) AS m (cost, kind)
  WHERE m.kind = 'all' OR c.charge_category = 'Usage'
),
by_node AS (
  SELECT
    m.cost, m.kind,
    CASE WHEN n.has_provider THEN m.provider ELSE 'all' END AS provider,
    CASE WHEN n.has_account THEN m.account ELSE 'all' END AS account,
    CASE WHEN n.has_service THEN m.service ELSE 'all' END AS service,
    m.team, m.currency, m.ts, m.amount
  FROM meant AS m
  CROSS JOIN (
    VALUES (true, true, true), (true, true, false), (true, false, true), (true, false, false), (false, false, false)
  ) AS n (has_provider, has_account, has_service)
),
by_day AS (
  SELECT cost, kind, provider, account, service, team, currency, ts, sum(amount) AS amount
  FROM by_node
  GROUP BY cost, kind, provider, account, service, team, currency, ts
),
asked AS (
  SELECT DISTINCT cost, kind, provider, account, service, team, currency, granularity, ts, last_day FROM published
),
actual AS (
  SELECT
    p.cost, p.kind, p.provider, p.account, p.service, p.team, p.currency, p.granularity, p.ts,
    cast(coalesce(sum(d.amount), 0) AS double) AS actual
  FROM asked AS p
  LEFT JOIN by_day AS d
    ON d.cost = p.cost AND d.kind = p.kind AND d.provider = p.provider AND d.account = p.account AND d.service = p.service
    AND d.team = p.team AND d.currency = p.currency AND d.ts >= p.ts AND d.ts <= p.last_day
  GROUP BY p.cost, p.kind, p.provider, p.account, p.service, p.team, p.currency, p.granularity, p.ts
),
cutoff AS (
  SELECT DISTINCT cost, kind, provider, account, service, team, currency, complete_through FROM published
),
week AS (
  SELECT
    c.cost, c.kind, c.provider, c.account, c.service, c.team, c.currency, c.complete_through,
    date_diff('day', c.complete_through, d.ts) + 7 AS place, d.amount
  FROM cutoff AS c
  INNER JOIN by_day AS d
    ON d.cost = c.cost AND d.kind = c.kind AND d.provider = c.provider AND d.account = c.account AND d.service = c.service
    AND d.team = c.team AND d.currency = c.currency AND d.ts > date_add('day', -7, c.complete_through) AND d.ts <= c.complete_through
),
-- How often each of the last seven days is repeated in the period.
repeated AS (
  SELECT
    p.as_of, p.cost, p.kind, p.provider, p.account, p.service, p.team, p.currency, p.granularity, p.ts,
    cast(sum(w.amount * cast(
      floor(cast(p.last_ahead - w.place + 7 AS double) / 7e0) - floor(cast(p.first_ahead - w.place + 6 AS double) / 7e0) AS bigint
    )) AS double) AS ahead
  FROM published AS p
  INNER JOIN week AS w
    ON w.cost = p.cost AND w.kind = p.kind AND w.provider = p.provider AND w.account = p.account AND w.service = p.service
    AND w.team = p.team AND w.currency = p.currency AND w.complete_through = p.complete_through
  GROUP BY p.as_of, p.cost, p.kind, p.provider, p.account, p.service, p.team, p.currency, p.granularity, p.ts
),
scored AS (
  SELECT
    p.as_of, p.cost, p.provider, p.account, p.service, p.team, p.currency, p.level, p.kind, p.granularity, p.ts, p.last_day, p.lead,
    p.model, p.complete_through, p.p05, p.p10, p.p25, p.p50, p.p75, p.p90, p.p95, p.p99, a.actual,
    cast(p.mean AS double) AS mean,
    cast(p.billed AS double) + coalesce(r.ahead, 0e0) AS naive
  FROM published AS p
  INNER JOIN actual AS a
    ON a.cost = p.cost AND a.kind = p.kind AND a.provider = p.provider AND a.account = p.account AND a.service = p.service
    AND a.team = p.team AND a.currency = p.currency AND a.granularity = p.granularity AND a.ts = p.ts
  LEFT JOIN repeated AS r
    ON r.as_of = p.as_of AND r.cost = p.cost AND r.kind = p.kind AND r.provider = p.provider AND r.account = p.account
    AND r.service = p.service AND r.team = p.team AND r.currency = p.currency AND r.granularity = p.granularity AND r.ts = p.ts
)
SELECT
  as_of AS as_of,
  cost AS cost,
  provider AS provider,
  account AS account,
  service AS service,
  team AS team,
  currency AS currency,
  level AS level,
  kind AS kind,
  granularity AS granularity,
  ts AS ts,
  last_day AS last_day,
  lead AS lead,
  model AS model,
  complete_through AS complete_through,
  actual AS actual,
  mean AS mean,
  p50 AS median,
  actual - p50 AS error,
  abs(actual - p50) AS abs_error,
  -- A quantile q loses q · (actual − said) where the actual is above it, (1 − q) · (said − actual) where it is below.
  (
    greatest(0.05e0 * (actual - p05), 0.95e0 * (p05 - actual)) + greatest(0.1e0 * (actual - p10), 0.9e0 * (p10 - actual))
    + greatest(0.25e0 * (actual - p25), 0.75e0 * (p25 - actual)) + greatest(0.5e0 * (actual - p50), 0.5e0 * (p50 - actual))
    + greatest(0.75e0 * (actual - p75), 0.25e0 * (p75 - actual)) + greatest(0.9e0 * (actual - p90), 0.1e0 * (p90 - actual))
    + greatest(0.95e0 * (actual - p95), 0.05e0 * (p95 - actual)) + greatest(0.99e0 * (actual - p99), 0.01e0 * (p99 - actual))
  ) / 8e0 AS pinball,
  actual >= p25 - 1e-6 AND actual <= p75 + 1e-6 AS hit_50,
  actual >= p10 - 1e-6 AND actual <= p90 + 1e-6 AS hit_80,
  actual >= p05 - 1e-6 AND actual <= p95 + 1e-6 AS hit_90,
  naive AS naive,
  abs(actual - naive) AS naive_abs_error
FROM scored
