-- inputs.anomalies_before: the incidents that the newest run before a moment believed in.
--
-- Reads   gold.anomaly
-- Params  :as_of   before it, UTC
-- Window  31 days
--
-- An incident that overlaps one of these keeps its id.
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.anomaly
  WHERE as_of < :as_of AND as_of > :as_of - INTERVAL '31' DAY
)
SELECT
  a.anomaly_id AS anomaly_id, a.account AS account, a.region AS region, a.resource_id AS resource_id,
  coalesce(a.kind, 'deviation') AS kind,
  a.started_at AS started_at, a.ended_at AS ended_at
FROM gold.anomaly AS a
JOIN newest AS n ON n.as_of = a.as_of
