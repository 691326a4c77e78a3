-- inputs.status_points: the newest anomalous hours of seven days as of a moment, of all series.
--
-- Reads   gold.anomaly_point
-- Params  :as_of     nothing later counts, UTC
--         :at_most   rows
-- Window  7 days
--
-- Newest first, those of one hour in the order of their series. `expected` is what the strongest of the detectors expected.
WITH ranked AS (
  SELECT
    series_id, resource_id, metric, unit, ts, value, expected, severity, score,
    row_number() OVER (ORDER BY ts DESC, series_id) AS place
  FROM gold.anomaly_point
  WHERE granularity = 'hour' AND state = 'anomalous' AND ts >= :as_of - INTERVAL '7' DAY AND ts < :as_of
)
SELECT
  series_id AS series_id,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  ts AS ts,
  value AS value,
  expected AS expected,
  severity AS severity,
  score AS score
FROM ranked
WHERE place <= :at_most
ORDER BY place
