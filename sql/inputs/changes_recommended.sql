-- inputs.changes_recommended: the resources that one run recommends to change.
--
-- Reads   gold.recommendation
-- Params  :as_of   of the run
-- Window  0 days
--
-- A label changes nothing about a machine, and a question is no change: `tag` and `investigate` do not count.
SELECT DISTINCT account AS account, region AS region, resource_id AS resource_id
FROM gold.recommendation
WHERE as_of = :as_of AND action NOT IN ('keep', 'insufficient_data', 'investigate', 'tag')
ORDER BY account, region, resource_id
