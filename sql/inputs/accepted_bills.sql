-- inputs.accepted_bills: executions of bills that a person released, though they say something else of a closed period.
--
-- Reads   bronze.feedback_event
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
SELECT DISTINCT subject_id AS subject_id
FROM bronze.feedback_event
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  AND subject_kind = 'bill' AND verb = 'accepted'
ORDER BY subject_id
