-- inputs.answers: the newest answer of a person to each recommendation.
--
-- Reads   bronze.recommendation_answer
-- Params  :since, :as_of   answers to runs in [since, as_of]
-- Window  0 days
--
-- An answer is of the run that it answers, and that run respects it when it is done again. Of two to one run the later landing
-- counts.
WITH ranked AS (
  SELECT
    recommendation_id, answer, reason, until, ts,
    row_number() OVER (
      PARTITION BY recommendation_id ORDER BY ts DESC, sequence DESC, ingested_at DESC, load_id DESC
    ) AS recency
  FROM bronze.recommendation_answer
  WHERE day >= cast(:since AS date) AND day <= cast(:as_of AS date) AND ts >= :since AND ts <= :as_of
)
SELECT recommendation_id AS recommendation_id, answer AS answer, reason AS reason, until AS until, ts AS answered_at
FROM ranked
WHERE recency = 1
ORDER BY recommendation_id
