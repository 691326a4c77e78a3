-- inputs.status_course: what was observed of each series as of a moment, beside what was forecast, with the anomalies among it.
--
-- Reads   silver.metric_5min, silver.metric_hourly, silver.hour_observed, gold.forecast, gold.anomaly_point, silver.resource
-- Params  :as_of    nothing later counts, UTC
--         :series   ids of the series asked for, a space before and after each
-- Window  7 days, silver.metric_5min 1 days, gold.forecast 14 days, silver.resource 35 days
--
-- Of the last 24 hours one row per five minutes (`resolution_s` 300), where the DAG `monitor` builds them, and of seven days one per hour
-- (3600): longer ranges are coarser. `value` is the period's p95, of which forecasts are; `expected`, `lower` and `upper` are the median
-- and the 90 % interval that were published last before the hour. Five minutes lie below an hour's p95 by nature: only above `upper`
-- is unusual. Detectors judge hours, and `is_judged` says whether they did: five minutes are as their hour.
-- `detector_expected` is what the strongest of them expected of an anomalous one.
-- Of a series `is_newest` marks the newest row, and only that can be stale: its end is three of its periods, a quarter of an hour at
-- least, before the moment. Hours that are filled in are left out; those of a day that no day's run has built yet are as the monitor
-- observed them. Where all series of a large estate are asked for, that is millions of rows: a page asks for those that it draws.
WITH built AS (
  SELECT DISTINCT day
  FROM silver.metric_hourly
  WHERE hour >= :as_of - INTERVAL '7' DAY AND hour < :as_of
),
observed AS (
  SELECT
    300 AS resolution_s, series_id, account, region, resource_id, metric, unit, ts, date_trunc('hour', ts) AS hour,
    date_add('minute', 5, ts) AS until_at, greatest(3 * period_s, 900) AS patience_s, coalesce(p95, mean, max) AS value
  FROM silver.metric_5min
  WHERE ts >= :as_of - INTERVAL '1' DAY AND ts < :as_of
    AND strpos(:series, concat(' ', series_id, ' ')) > 0
  UNION ALL
  SELECT
    3600, series_id, account, region, resource_id, metric, unit, hour, hour, date_add('hour', 1, hour), 10800, coalesce(p95, mean, max)
  FROM silver.metric_hourly
  WHERE hour >= :as_of - INTERVAL '7' DAY AND hour < :as_of AND quality_flag <> 1
    AND strpos(:series, concat(' ', series_id, ' ')) > 0
  UNION ALL
  SELECT
    3600, h.series_id, h.account, h.region, h.resource_id, h.metric, h.unit, h.ts, h.ts, date_add('hour', 1, h.ts), 10800, h.value
  FROM silver.hour_observed AS h
  LEFT JOIN built AS b ON b.day = h.day
  WHERE h.ts >= :as_of - INTERVAL '7' DAY AND h.ts < :as_of AND b.day IS NULL
    AND strpos(:series, concat(' ', h.series_id, ' ')) > 0
),
ranked AS (
  SELECT
    resolution_s, series_id, account, region, resource_id, metric, unit, ts, hour, until_at, patience_s, value,
    row_number() OVER (PARTITION BY series_id ORDER BY until_at DESC, resolution_s) AS recency
  FROM observed
),
published AS (
  SELECT series_id, ts, quantile, max_by(value, as_of) AS value
  FROM gold.forecast
  WHERE granularity = 'hour' AND quantile IN (0.05e0, 0.5e0, 0.95e0) AND as_of <= ts
    AND as_of >= :as_of - INTERVAL '14' DAY AND as_of <= :as_of AND ts >= :as_of - INTERVAL '8' DAY AND ts < :as_of
    AND strpos(:series, concat(' ', series_id, ' ')) > 0
  GROUP BY series_id, ts, quantile
),
forecast AS (
  SELECT
    series_id, ts,
    max(value) FILTER (WHERE quantile = 0.05e0) AS lower,
    max(value) FILTER (WHERE quantile = 0.5e0) AS expected,
    max(value) FILTER (WHERE quantile = 0.95e0) AS upper
  FROM published
  GROUP BY series_id, ts
),
judged AS (
  SELECT series_id, ts, state, severity, score, expected
  FROM gold.anomaly_point
  WHERE granularity = 'hour' AND ts >= :as_of - INTERVAL '7' DAY AND ts < :as_of
    AND strpos(:series, concat(' ', series_id, ' ')) > 0
),
labelled AS (
  SELECT account, region, resource_id, nullif(max_by(coalesce(environment, ''), ts), '') AS environment
  FROM silver.resource
  WHERE ts >= :as_of - INTERVAL '35' DAY AND ts < :as_of
  GROUP BY account, region, resource_id
)
SELECT
  o.resolution_s AS resolution_s,
  o.ts AS ts,
  o.series_id AS series_id,
  o.account AS account,
  o.region AS region,
  o.resource_id AS resource_id,
  r.environment AS environment,
  o.metric AS metric,
  o.unit AS unit,
  o.value AS value,
  f.expected AS expected,
  f.lower AS lower,
  f.upper AS upper,
  j.ts IS NOT NULL AS is_judged,
  coalesce(j.state = 'anomalous', false) AS is_anomalous,
  CASE WHEN j.state = 'anomalous' THEN j.severity END AS severity,
  j.score AS score,
  CASE WHEN j.state = 'anomalous' THEN j.expected END AS detector_expected,
  o.recency = 1 AS is_newest,
  greatest(date_diff('minute', o.until_at, :as_of), 0) AS minutes_behind,
  CASE
    WHEN o.recency = 1 AND date_diff('second', o.until_at, :as_of) > o.patience_s THEN 'stale'
    WHEN j.state = 'anomalous' THEN 'anomalous'
    WHEN o.value > f.upper THEN 'above'
    WHEN j.ts IS NOT NULL OR f.upper IS NOT NULL THEN 'normal'
    ELSE 'unknown'
  END AS status
FROM ranked AS o
LEFT JOIN forecast AS f ON f.series_id = o.series_id AND f.ts = o.hour
LEFT JOIN judged AS j ON j.series_id = o.series_id AND j.ts = o.hour
LEFT JOIN labelled AS r ON r.account = o.account AND r.region = o.region AND r.resource_id = o.resource_id
