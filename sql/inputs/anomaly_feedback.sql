-- inputs.anomaly_feedback: what people said last of each anomaly: what they do about it, and whether it is one.
--
-- Reads   bronze.feedback_event
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- A label and an answer stand beside each other. It counts from the first run of the month of the run that it was said of.
WITH ranked AS (
  SELECT
    subject_id, verb, reason, until,
    row_number() OVER (
      PARTITION BY subject_id, verb IN ('confirmed', 'refuted')
      ORDER BY ts DESC, sequence DESC, ingested_at DESC, load_id DESC
    ) AS recency
  FROM bronze.feedback_event
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
    AND subject_kind = 'anomaly'
)
SELECT subject_id AS anomaly_id, verb AS verb, reason AS reason, until AS until
FROM ranked
WHERE recency = 1
ORDER BY anomaly_id, verb
