-- inputs.accepted_bills: executions of bills that a person released, though they say something else of a closed period, and when last.
--
-- Reads   bronze.feedback_event
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
SELECT
  subject_id AS subject_id,
  ts AS billing_period,
  max(ingested_at) AS accepted_at
FROM bronze.feedback_event
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  AND subject_kind = 'bill' AND verb = 'accepted'
GROUP BY subject_id, ts
ORDER BY subject_id, ts
