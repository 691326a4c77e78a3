-- inputs.labelled_incidents: incidents that people confirmed or refuted, as they were last known.
--
-- Reads   gold.anomaly
-- Params  :as_of   nothing later counts, UTC
-- Window  400 days
--
-- Of missing data no detector says anything, so it is left out.
WITH ranked AS (
  SELECT
    anomaly_id, account, region, resource_id, metrics, started_at, ended_at, label,
    row_number() OVER (PARTITION BY anomaly_id ORDER BY as_of DESC) AS recency
  FROM gold.anomaly
  WHERE as_of <= :as_of AND as_of > cast(:as_of AS timestamp) - INTERVAL '400' DAY
    AND label IS NOT NULL AND coalesce(kind, 'deviation') = 'deviation'
)
SELECT
  anomaly_id AS anomaly_id, account AS account, region AS region, resource_id AS resource_id, metrics AS metrics,
  started_at AS started_at, ended_at AS ended_at, label AS label
FROM ranked
WHERE recency = 1
ORDER BY started_at, anomaly_id
