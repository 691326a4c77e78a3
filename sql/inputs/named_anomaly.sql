-- inputs.named_anomaly: one anomaly as the newest run believes in it.
--
-- Reads   gold.anomaly
-- Params  :anomaly_id   the anomaly
-- Window  gold.anomaly always
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.anomaly
)
SELECT a.as_of AS as_of, a.resource_id AS resource_id, a.metrics AS metrics, a.started_at AS started_at
FROM gold.anomaly AS a
JOIN newest AS w ON w.as_of = a.as_of
WHERE a.anomaly_id = :anomaly_id
