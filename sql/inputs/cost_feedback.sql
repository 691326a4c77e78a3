-- inputs.cost_feedback: what people said last of cost anomalies: planned, or not an issue.
--
-- Reads   bronze.feedback_event
-- Params  :since, :as_of   of events that began in the months that these touch, UTC
-- Window  31 days
--
-- It holds for as long as an event goes on under its id. Of two answers the one that was landed later counts.
WITH ranked AS (
  SELECT
    subject_id, verb,
    row_number() OVER (PARTITION BY subject_id ORDER BY ingested_at DESC, sequence DESC, load_id DESC, verb) AS recency
  FROM bronze.feedback_event
  WHERE day >= cast(date_trunc('month', :since) AS date) AND day <= cast(:as_of AS date)
    AND ts >= date_trunc('month', :since) AND ts < :as_of
    AND subject_kind = 'cost_anomaly'
)
SELECT
  subject_id AS anomaly_id,
  verb AS answer
FROM ranked
WHERE recency = 1
ORDER BY subject_id
