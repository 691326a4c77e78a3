-- inputs.status_points: the newest anomalous hours of seven days as of a moment, of all series.
--
-- Reads   gold.anomaly_point, silver.resource
-- Params  :as_of     nothing later counts, UTC
--         :at_most   rows
-- Window  7 days, silver.resource 35 days
--
-- Newest first, those of one hour in the order of their series. `expected` is what the strongest of the detectors expected.
WITH ranked AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, ts, value, expected, severity, score,
    row_number() OVER (ORDER BY ts DESC, series_id) AS place
  FROM gold.anomaly_point
  WHERE granularity = 'hour' AND state = 'anomalous' AND ts >= :as_of - INTERVAL '7' DAY AND ts < :as_of
),
labelled AS (
  SELECT account, region, resource_id, nullif(max_by(coalesce(environment, ''), ts), '') AS environment
  FROM silver.resource
  WHERE ts >= :as_of - INTERVAL '35' DAY AND ts < :as_of
  GROUP BY account, region, resource_id
)
SELECT
  p.series_id AS series_id,
  p.account AS account,
  p.region AS region,
  p.resource_id AS resource_id,
  r.environment AS environment,
  p.metric AS metric,
  p.unit AS unit,
  p.ts AS ts,
  p.value AS value,
  p.expected AS expected,
  p.severity AS severity,
  p.score AS score
FROM ranked AS p
LEFT JOIN labelled AS r ON r.account = p.account AND r.region = p.region AND r.resource_id = p.resource_id
WHERE p.place <= :at_most
ORDER BY p.place
