-- inputs.status_now: how each series stands as of a moment, in its last five minutes observed, or its last hour where no minutes are.
--
-- Reads   silver.metric_5min, silver.metric_hourly, silver.hour_observed, gold.forecast, gold.anomaly_point, silver.resource
-- Params  :as_of   nothing later counts, UTC
-- Window  7 days, silver.metric_5min 1 days, gold.forecast 14 days, silver.resource 35 days
--
-- One row per series that was observed in seven days: the one that inputs.status_course calls the newest, with what is said there of
-- it. `status` is stale where its samples stopped, anomalous where detectors judged its hour so, above where it exceeds the 90 %
-- interval of the forecast, normal where it does neither, and unknown where nobody judged or forecast the hour. `observed_hours` and
-- `anomalous_hours` are those of the 24 hours that end with `until_hour`, the newest hour observed anywhere, `anomalous_last_hour` is
-- 1 where that one is anomalous; `judged_hour` is the newest hour that detectors judged, of whichever series, and `judged_last_hour`
-- is 1 of a series that they judged in it, 0 of one that was observed in it and not judged, and null of the others.
-- Hours of a day that no day's run has built yet are as the monitor observed them; `quality_score` is not known of these.
WITH built AS (
  SELECT DISTINCT day
  FROM silver.metric_hourly
  WHERE hour >= :as_of - INTERVAL '7' DAY AND hour < :as_of
),
hours AS (
  SELECT series_id, hour AS ts
  FROM silver.metric_hourly
  WHERE hour >= :as_of - INTERVAL '7' DAY AND hour < :as_of AND quality_flag <> 1
  UNION ALL
  SELECT h.series_id, h.ts
  FROM silver.hour_observed AS h
  LEFT JOIN built AS b ON b.day = h.day
  WHERE h.ts >= :as_of - INTERVAL '7' DAY AND h.ts < :as_of AND b.day IS NULL
),
newest_hour AS (
  SELECT max(ts) AS hour
  FROM hours
),
last_hours AS (
  SELECT h.series_id, max(h.ts) AS ts, count(*) FILTER (WHERE h.ts > u.hour - INTERVAL '24' HOUR) AS observed_hours
  FROM hours AS h
  CROSS JOIN newest_hour AS u
  GROUP BY h.series_id
),
last_minutes AS (
  SELECT series_id, max(ts) AS ts
  FROM silver.metric_5min
  WHERE ts >= :as_of - INTERVAL '1' DAY AND ts < :as_of
  GROUP BY series_id
),
observed AS (
  SELECT
    300 AS resolution_s, o.series_id, o.account, o.region, o.resource_id, o.metric, o.unit, o.ts, date_trunc('hour', o.ts) AS hour,
    date_add('minute', 5, o.ts) AS until_at, greatest(3 * o.period_s, 900) AS patience_s, coalesce(o.p95, o.mean, o.max) AS value,
    o.quality_score
  FROM silver.metric_5min AS o
  JOIN last_minutes AS l ON l.series_id = o.series_id AND l.ts = o.ts
  WHERE o.ts >= :as_of - INTERVAL '1' DAY AND o.ts < :as_of
  UNION ALL
  SELECT
    3600, o.series_id, o.account, o.region, o.resource_id, o.metric, o.unit, o.hour, o.hour, date_add('hour', 1, o.hour), 10800,
    coalesce(o.p95, o.mean, o.max), o.quality_score
  FROM silver.metric_hourly AS o
  JOIN last_hours AS l ON l.series_id = o.series_id AND l.ts = o.hour
  WHERE o.hour >= :as_of - INTERVAL '7' DAY AND o.hour < :as_of AND o.quality_flag <> 1
  UNION ALL
  SELECT
    3600, o.series_id, o.account, o.region, o.resource_id, o.metric, o.unit, o.ts, o.ts, date_add('hour', 1, o.ts), 10800, o.value,
    cast(NULL AS double)
  FROM silver.hour_observed AS o
  JOIN last_hours AS l ON l.series_id = o.series_id AND l.ts = o.ts
  LEFT JOIN built AS b ON b.day = o.day
  WHERE o.ts >= :as_of - INTERVAL '7' DAY AND o.ts < :as_of AND b.day IS NULL
),
ranked AS (
  SELECT
    resolution_s, series_id, account, region, resource_id, metric, unit, ts, hour, until_at, patience_s, value, quality_score,
    row_number() OVER (PARTITION BY series_id ORDER BY until_at DESC, resolution_s) AS recency
  FROM observed
),
published AS (
  SELECT f.series_id, f.ts, f.quantile, max_by(f.value, f.as_of) AS value
  FROM gold.forecast AS f
  JOIN ranked AS o ON o.series_id = f.series_id AND o.hour = f.ts AND o.recency = 1
  WHERE f.granularity = 'hour' AND f.quantile IN (0.05e0, 0.5e0, 0.95e0) AND f.as_of <= f.ts
    AND f.as_of >= :as_of - INTERVAL '14' DAY AND f.as_of <= :as_of AND f.ts >= :as_of - INTERVAL '8' DAY AND f.ts < :as_of
  GROUP BY f.series_id, f.ts, f.quantile
),
forecast AS (
  SELECT
    series_id,
    max(value) FILTER (WHERE quantile = 0.05e0) AS lower,
    max(value) FILTER (WHERE quantile = 0.5e0) AS expected,
    max(value) FILTER (WHERE quantile = 0.95e0) AS upper
  FROM published
  GROUP BY series_id
),
judged AS (
  SELECT series_id, ts, state, severity
  FROM gold.anomaly_point
  WHERE granularity = 'hour' AND ts >= :as_of - INTERVAL '7' DAY AND ts < :as_of
),
newest_judged AS (
  SELECT max(ts) AS hour
  FROM judged
),
asked_of AS (
  SELECT h.series_id, count(j.series_id) AS judged
  FROM hours AS h
  CROSS JOIN newest_judged AS n
  LEFT JOIN judged AS j ON j.series_id = h.series_id AND j.ts = h.ts
  WHERE h.ts = n.hour
  GROUP BY h.series_id
),
anomalous AS (
  SELECT j.series_id, count(*) AS hours, count(*) FILTER (WHERE j.ts = u.hour) AS last_hour
  FROM judged AS j
  CROSS JOIN newest_hour AS u
  WHERE j.state = 'anomalous' AND j.ts > u.hour - INTERVAL '24' HOUR AND j.ts <= u.hour
  GROUP BY j.series_id
),
labelled AS (
  SELECT account, region, resource_id, nullif(max_by(coalesce(environment, ''), ts), '') AS environment
  FROM silver.resource
  WHERE ts >= :as_of - INTERVAL '35' DAY AND ts < :as_of
  GROUP BY account, region, resource_id
)
SELECT
  o.series_id AS series_id,
  o.account AS account,
  o.region AS region,
  o.resource_id AS resource_id,
  r.environment AS environment,
  o.metric AS metric,
  o.unit AS unit,
  o.ts AS ts,
  o.resolution_s AS resolution_s,
  greatest(date_diff('minute', o.until_at, :as_of), 0) AS minutes_behind,
  o.value AS value,
  f.expected AS expected,
  f.lower AS lower,
  f.upper AS upper,
  CASE
    WHEN date_diff('second', o.until_at, :as_of) > o.patience_s THEN 'stale'
    WHEN j.state = 'anomalous' THEN 'anomalous'
    WHEN o.value > f.upper THEN 'above'
    WHEN j.ts IS NOT NULL OR f.upper IS NOT NULL THEN 'normal'
    ELSE 'unknown'
  END AS status,
  CASE WHEN j.state = 'anomalous' THEN j.severity END AS severity,
  o.quality_score AS quality_score,
  coalesce(l.observed_hours, 0) AS observed_hours,
  coalesce(a.hours, 0) AS anomalous_hours,
  coalesce(a.last_hour, 0) AS anomalous_last_hour,
  u.hour AS until_hour,
  n.hour AS judged_hour,
  q.judged AS judged_last_hour
FROM ranked AS o
CROSS JOIN newest_hour AS u
CROSS JOIN newest_judged AS n
LEFT JOIN last_hours AS l ON l.series_id = o.series_id
LEFT JOIN forecast AS f ON f.series_id = o.series_id
LEFT JOIN judged AS j ON j.series_id = o.series_id AND j.ts = o.hour
LEFT JOIN anomalous AS a ON a.series_id = o.series_id
LEFT JOIN asked_of AS q ON q.series_id = o.series_id
LEFT JOIN labelled AS r ON r.account = o.account AND r.region = o.region AND r.resource_id = o.resource_id
WHERE o.recency = 1
