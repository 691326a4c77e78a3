-- views.executive_kpis: the figures that a monthly review asks for as of the newest run's end, one row each, always all of them.
--
-- Reads   gold.recommendation, gold.savings, gold.savings_daily, gold.capacity_risk, gold.anomaly, gold.model_metric, gold.promotion, gold.cost_forecast,
--         gold.quality_result, views.demand_hourly, silver.metric_daily, silver.cost_daily
--
-- `value` is null where there is nothing to judge. Savings are identified where a recommendation says so, and realised where what was
-- followed is measured: nothing is assumed. What a run publishes is taken from the
-- newest run not after the moment, a month back at most, and `known_at` says which: two dates that differ say that one part of
-- the pipeline is behind. Windows end at the moment and are the same for every run, however long its interval: incidents of 24
-- hours, without what people dismissed or refuted; completeness of 30 days. A series is expected from its first day in the 30 to
-- its last, days without any sample included. The month is that of the last moment before; its end is known only where the
-- forecasts reach it. Where a bill states no effective cost, what is billed stands for it.
-- Made by `python -m tools.kpi_view` from inputs.executive_kpis: change that file, not this one.
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.quality_result
),
advised AS (
  SELECT max(as_of) AS as_of
  FROM gold.recommendation
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
saving AS (
  SELECT
    max(r.as_of) AS known_at,
    cast(sum(cast(CASE WHEN r.portfolio_savings_usd > 0e0 THEN r.portfolio_savings_usd ELSE 0e0 END AS decimal(38, 9))) AS double)
      AS saved
  FROM gold.recommendation AS r
  JOIN advised AS a ON a.as_of = r.as_of
),
judged AS (
  SELECT cast(sum(cast(c.cost AS decimal(38, 9))) AS double) AS cost
  FROM (
    SELECT max(r.monthly_cost_usd) AS cost
    FROM gold.recommendation AS r
    JOIN advised AS a ON a.as_of = r.as_of
    GROUP BY r.account, r.region, r.resource_id
  ) AS c
),
counted AS (
  SELECT max(as_of) AS as_of
  FROM gold.savings
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
measured_saving AS (
  SELECT
    d.ts AS ts, d.saved_cost AS saved, s.cost_basis AS cost_basis, max(d.ts) OVER () AS newest,
    max(CASE WHEN s.cost_basis = 'bill' THEN d.ts END) OVER () AS newest_billed
  FROM gold.savings_daily AS d
  JOIN counted AS c ON c.as_of = d.as_of
  JOIN gold.savings AS s ON s.as_of = d.as_of AND s.recommendation_id = d.recommendation_id
  WHERE d.currency = 'USD' AND s.is_counted
    AND d.as_of <= (SELECT as_of FROM newest) AND d.as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY AND s.as_of <= (SELECT as_of FROM newest) AND s.as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
realised AS (
  SELECT
    max(newest) AS known_at, max(newest_billed) AS billed_at,
    cast(sum(CASE WHEN ts > newest - INTERVAL '30' DAY THEN cast(saved AS decimal(38, 9)) END) AS double) AS saved,
    cast(sum(CASE WHEN cost_basis = 'bill' AND ts > newest_billed - INTERVAL '30' DAY THEN cast(saved AS decimal(38, 9)) END) AS double)
      AS saved_of_bills
  FROM measured_saving
),
assessed AS (
  SELECT max(as_of) AS as_of
  FROM gold.capacity_risk
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
risk AS (
  SELECT
    max(k.as_of) AS known_at,
    count(DISTINCT substr(k.series_id, 1, length(k.series_id) - length(k.metric) - 1))
      FILTER (WHERE k.risk_level IN ('high', 'critical')) AS at_risk,
    count(*) FILTER (WHERE k.risk_level <> 'unknown') AS judged
  FROM gold.capacity_risk AS k
  JOIN assessed AS a ON a.as_of = k.as_of
),
watched AS (
  SELECT max(ts) AS known_at
  FROM views.demand_hourly
  WHERE ts >= (SELECT as_of FROM newest) - INTERVAL '24' HOUR AND ts < (SELECT as_of FROM newest)
    AND day >= cast((SELECT as_of FROM newest) - INTERVAL '24' HOUR AS date) AND day <= cast((SELECT as_of FROM newest) AS date)
),
grouped AS (
  SELECT max(as_of) AS as_of
  FROM gold.anomaly
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
odd AS (
  SELECT count(*) AS incidents, count(*) FILTER (WHERE i.is_open) AS unresolved
  FROM gold.anomaly AS i
  JOIN grouped AS g ON g.as_of = i.as_of
  WHERE i.severity <> 'low' AND i.ended_at > (SELECT as_of FROM newest) - INTERVAL '24' HOUR
    AND coalesce(i.answer, '') NOT IN ('dismissed', 'planned') AND coalesce(i.label, '') <> 'refuted'
),
covered AS (
  SELECT
    max(ts) AS known_at,
    sum(samples) AS samples,
    (date_diff('day', min(ts), max(ts)) + 1) * max(expected_samples) AS expected
  FROM silver.metric_daily
  WHERE ts >= (SELECT as_of FROM newest) - INTERVAL '30' DAY AND ts < (SELECT as_of FROM newest)
  GROUP BY series_id
),
measured AS (
  SELECT max(known_at) AS known_at, cast(sum(samples) AS double) / cast(nullif(sum(expected), 0) AS double) AS complete
  FROM covered
),
serving AS (
  SELECT
    metric, granularity, coalesce(serves, champion) AS model,
    row_number() OVER (PARTITION BY metric, granularity ORDER BY fence DESC) AS recency
  FROM gold.promotion
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of >= (SELECT as_of FROM newest) - INTERVAL '400' DAY
),
scored AS (
  SELECT
    metric, granularity, model, as_of, series, skill, coverage_90,
    max(as_of) OVER (PARTITION BY metric, granularity) AS newest
  FROM gold.model_metric
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of >= (SELECT as_of FROM newest) - INTERVAL '400' DAY
),
skilled AS (
  SELECT
    max(s.as_of) AS known_at,
    cast(sum(cast(s.skill * cast(s.series AS double) AS decimal(38, 9))) AS double)
      / nullif(cast(sum(s.series) FILTER (WHERE s.skill IS NOT NULL) AS double), 0e0) AS skill,
    cast(sum(cast(s.coverage_90 * cast(s.series AS double) AS decimal(38, 9))) AS double)
      / nullif(cast(sum(s.series) FILTER (WHERE s.coverage_90 IS NOT NULL) AS double), 0e0) AS coverage
  FROM scored AS s
  JOIN serving AS c ON c.metric = s.metric AND c.granularity = s.granularity AND c.model = s.model AND c.recency = 1
  WHERE s.as_of = s.newest
),
billed AS (
  SELECT max(ts) AS ts
  FROM silver.cost_daily
  WHERE currency = 'USD' AND ts < (SELECT as_of FROM newest) AND ts >= (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
charged AS (
  SELECT ts, cast(coalesce(effective_cost, billed_cost) AS decimal(38, 9)) AS usd
  FROM silver.cost_daily
  WHERE charge_category IN ('Usage', 'Purchase') AND currency = 'USD' AND ts < (SELECT as_of FROM newest) AND ts >= (SELECT as_of FROM newest) - INTERVAL '91' DAY
),
spent AS (
  SELECT
    max(b.ts) AS known_at,
    cast(sum(c.usd) FILTER (WHERE c.ts > b.ts - INTERVAL '30' DAY) AS double) AS recent,
    CASE WHEN min(c.ts) <= max(b.ts) - INTERVAL '59' DAY THEN cast(sum(c.usd) FILTER (
      WHERE c.ts <= b.ts - INTERVAL '30' DAY AND c.ts > b.ts - INTERVAL '60' DAY
    ) AS double) END AS before,
    cast(sum(c.usd) FILTER (
      WHERE c.ts >= date_trunc('month', (SELECT as_of FROM newest) - INTERVAL '1' SECOND)
    ) AS double) AS month
  FROM charged AS c
  CROSS JOIN billed AS b
  WHERE c.ts <= b.ts
),
published AS (
  SELECT max(as_of) AS as_of
  FROM gold.cost_forecast
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY AND day >= cast((SELECT as_of FROM newest) - INTERVAL '31' DAY AS date)
),
ahead AS (
  SELECT max(f.as_of) AS known_at, cast(sum(f.mean) AS double) AS expected
  FROM gold.cost_forecast AS f
  JOIN published AS p ON p.as_of = f.as_of
  WHERE f.cost = 'effective' AND f.currency = 'USD' AND f.level = 'total' AND f.kind IN ('usage', 'fee')
    AND f.granularity = 'day' AND f.ts >= f.as_of AND f.ts < f.as_of + INTERVAL '30' DAY
    AND f.day >= cast((SELECT as_of FROM newest) - INTERVAL '31' DAY AS date)
),
ending AS (
  SELECT max(f.as_of) AS known_at, cast(sum(f.mean) AS double) AS expected
  FROM gold.cost_forecast AS f
  JOIN published AS p ON p.as_of = f.as_of
  WHERE f.cost = 'effective' AND f.currency = 'USD' AND f.level = 'total' AND f.kind IN ('usage', 'fee', 'one_off')
    AND f.granularity = 'month' AND f.ts = date_trunc('month', (SELECT as_of FROM newest) - INTERVAL '1' SECOND)
    AND f.day >= cast((SELECT as_of FROM newest) - INTERVAL '31' DAY AS date)
),
ended AS (
  SELECT
    b.ts AS billed_at, e.known_at AS known_at, e.expected AS expected,
    b.ts >= date_trunc('month', (SELECT as_of FROM newest) - INTERVAL '1' SECOND) + INTERVAL '1' MONTH - INTERVAL '1' DAY
      AND coalesce(e.known_at, b.ts) <= b.ts AS is_whole
  FROM billed AS b
  CROSS JOIN ending AS e
),
tested AS (
  SELECT max(as_of) AS as_of
  FROM gold.quality_result
  WHERE as_of <= (SELECT as_of FROM newest) AND as_of > (SELECT as_of FROM newest) - INTERVAL '31' DAY
),
checked AS (
  SELECT max(q.as_of) AS known_at, count(*) AS checks, count(*) FILTER (WHERE NOT q.success AND q.severity <> 'info') AS failed
  FROM gold.quality_result AS q
  JOIN tested AS t ON t.as_of = q.as_of
)
SELECT 'cost_last_30d' AS kpi, recent AS value, 'usd' AS unit, known_at AS known_at,
  'Effective cost of usage and purchases in the last 30 days billed' AS meaning
FROM spent
UNION ALL
SELECT 'cost_change_30d' AS kpi, recent / nullif(before, 0e0) - 1e0 AS value, 'ratio' AS unit, known_at AS known_at,
  'The same against the 30 days before; null where bills do not reach back 60 days' AS meaning
FROM spent
UNION ALL
SELECT 'cost_month_to_date' AS kpi, month AS value, 'usd' AS unit, known_at AS known_at,
  'Effective cost of usage and purchases since the month began, as far as it is billed' AS meaning
FROM spent
UNION ALL
SELECT 'cost_month_end' AS kpi,
  CASE WHEN e.is_whole THEN s.month WHEN e.billed_at IS NOT NULL THEN e.expected END AS value, 'usd' AS unit,
  CASE WHEN NOT e.is_whole AND e.known_at < e.billed_at THEN e.known_at ELSE e.billed_at END AS known_at,
  'The same at the end of the month: what is billed of each account, and what is expected of its days after that' AS meaning
FROM ended AS e
CROSS JOIN spent AS s
UNION ALL
SELECT 'cost_next_30d' AS kpi, expected AS value, 'usd' AS unit, known_at AS known_at,
  'Expected effective cost of usage and fees over the next 30 days' AS meaning
FROM ahead
UNION ALL
SELECT 'savings_identified_monthly' AS kpi, saved AS value, 'usd' AS unit, known_at AS known_at,
  'Expected savings per month at list price, of what can be done together' AS meaning
FROM saving
UNION ALL
SELECT 'savings_share_of_cost' AS kpi, s.saved / nullif(j.cost, 0e0) AS value, 'ratio' AS unit, s.known_at AS known_at,
  'The same as a share of the list cost of every resource judged' AS meaning
FROM saving AS s
CROSS JOIN judged AS j
UNION ALL
SELECT 'savings_realised_30d' AS kpi, saved AS value, 'usd' AS unit, known_at AS known_at,
  'Saved in the last 30 days measured by recommendations that were followed, against what would have been paid' AS meaning
FROM realised
UNION ALL
SELECT 'cost_reduction_30d' AS kpi, r.saved_of_bills / nullif(r.saved_of_bills + s.recent, 0e0) AS value, 'ratio' AS unit, r.billed_at AS known_at,
  'What was saved of what bills have, as a share of what would have been paid: that and the cost of the last 30 days billed' AS meaning
FROM realised AS r
CROSS JOIN spent AS s
UNION ALL
SELECT 'resources_at_risk' AS kpi, CASE WHEN judged > 0 THEN cast(at_risk AS double) END AS value, 'count' AS unit,
  known_at AS known_at, 'Resources whose capacity risk is high or critical' AS meaning
FROM risk
UNION ALL
SELECT 'incidents_open' AS kpi, CASE WHEN w.known_at IS NOT NULL THEN cast(o.unresolved AS double) END AS value,
  'count' AS unit, w.known_at AS known_at,
  'Incidents of metrics above low severity that still went on in the last hour known' AS meaning
FROM watched AS w
CROSS JOIN odd AS o
UNION ALL
SELECT 'incidents_24h' AS kpi, CASE WHEN w.known_at IS NOT NULL THEN cast(o.incidents AS double) END AS value, 'count' AS unit,
  w.known_at AS known_at, 'Those that went on at any time in the last 24 hours' AS meaning
FROM watched AS w
CROSS JOIN odd AS o
UNION ALL
SELECT 'data_completeness_30d' AS kpi, complete AS value, 'ratio' AS unit, known_at AS known_at,
  'Samples that arrived of those expected between each series'' first day and its last, last 30 days' AS meaning
FROM measured
UNION ALL
SELECT 'forecast_skill' AS kpi, skill AS value, 'ratio' AS unit, known_at AS known_at,
  'What serves over seasonal naive in the newest backtests, weighted by series; above 0 is better' AS meaning
FROM skilled
UNION ALL
SELECT 'forecast_coverage_90' AS kpi, coverage AS value, 'ratio' AS unit, known_at AS known_at,
  'Share of actuals inside the 90 % band of what serves; should be 0.9' AS meaning
FROM skilled
UNION ALL
SELECT 'failed_checks' AS kpi, CASE WHEN checks > 0 THEN cast(failed AS double) END AS value, 'count' AS unit,
  known_at AS known_at, 'Data quality checks that failed in the newest run' AS meaning
FROM checked
