-- inputs.run_of_recommendation: the newest run that said something under one recommendation's name.
--
-- Reads   gold.recommendation
-- Params  :recommendation_id   the recommendation
--         :as_of               runs up to then
-- Window  gold.recommendation always
SELECT max(as_of) AS as_of
FROM gold.recommendation
WHERE recommendation_id = :recommendation_id AND as_of <= :as_of
HAVING max(as_of) IS NOT NULL
