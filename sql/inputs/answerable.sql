-- inputs.answerable: one recommendation of the newest run, if there is anything to do.
--
-- Reads   gold.recommendation
-- Params  :recommendation_id   the recommendation
-- Window  gold.recommendation always
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.recommendation
)
SELECT r.as_of AS as_of, r.rule_id AS rule_id, r.resource_id AS resource_id, r.action AS action, r.status AS status,
  r.record AS record
FROM gold.recommendation AS r
JOIN newest AS w ON w.as_of = r.as_of
WHERE r.recommendation_id = :recommendation_id AND r.status IS NOT NULL
