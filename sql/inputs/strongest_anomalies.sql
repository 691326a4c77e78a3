-- inputs.strongest_anomalies: the anomalous hours of a window, the strongest first.
--
-- Reads   gold.anomaly
-- Params  :since, :as_of   hours in [since, as_of), UTC
--
-- By score and not by severity: of two critical hours the one further from what was expected comes first.
SELECT
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  ts AS ts,
  value AS value,
  expected AS expected,
  severity AS severity,
  score AS score
FROM gold.anomaly
WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date)
ORDER BY score DESC, ts DESC, series_id
