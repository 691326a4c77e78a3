-- inputs.passive_answers: how often one run recommends to keep a resource as it is, or has too little data to say.
--
-- Reads   gold.recommendation
-- Params  :as_of   of the run
--
-- Answers are counted, not resources: two rules that keep one resource are two.
SELECT action AS action, count(*) AS answers
FROM gold.recommendation
WHERE as_of = :as_of AND action IN ('keep', 'insufficient_data')
GROUP BY action
ORDER BY action
