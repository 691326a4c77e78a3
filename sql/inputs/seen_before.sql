-- inputs.seen_before: when a run saw each recommendation for the first time, before this one.
--
-- Reads   gold.recommendation
-- Params  :since, :as_of   runs in [since, as_of)
-- Window  0 days
--
-- Rows of which nothing is to be done are none: what is kept for years and changed now is new. Each
-- run hands on when it was seen first, so that a few days of runs say it.
SELECT recommendation_id AS recommendation_id, min(coalesce(first_seen_at, as_of)) AS first_seen_at
FROM gold.recommendation
WHERE as_of >= :since AND as_of < :as_of AND action NOT IN ('keep', 'insufficient_data')
GROUP BY recommendation_id
ORDER BY recommendation_id
