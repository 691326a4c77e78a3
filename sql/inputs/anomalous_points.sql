-- inputs.anomalous_points: anomalous samples, each with the last sample of its series that was judged.
--
-- Reads   gold.anomaly_point
-- Params  :since, :as_of   samples in [since, as_of), UTC
-- Window  0 days
--
-- What is anomalous in the last sample judged is still open.
WITH judged AS (
  SELECT series_id, max(ts) AS last_at
  FROM gold.anomaly_point
  WHERE ts >= :since AND ts < :as_of AND day >= cast(:since AS date) AND day <= cast(:as_of AS date) AND granularity = 'hour'
  GROUP BY series_id
)
SELECT
  p.series_id AS series_id, p.account AS account, p.region AS region, p.resource_id AS resource_id, p.metric AS metric,
  p.unit AS unit, p.ts AS ts, p.value AS value, p.expected AS expected, p.score AS score, p.is_alert AS is_alert,
  p.detectors AS detectors, p.severity AS severity, p.model_version AS model_version, j.last_at AS last_at
FROM gold.anomaly_point AS p
JOIN judged AS j ON j.series_id = p.series_id
WHERE p.state = 'anomalous' AND p.granularity = 'hour'
  AND p.ts >= :since AND p.ts < :as_of AND p.day >= cast(:since AS date) AND p.day <= cast(:as_of AS date)
