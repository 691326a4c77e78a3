-- inputs.clusters_before: the cluster of each resource in the newest run before a moment.
--
-- Reads   gold.utilisation_cluster
-- Params  :as_of   before it, UTC
-- Window  62 days
--
-- The numbers of clusters are kept over runs: whoever makes new ones matches them to these.
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.utilisation_cluster
  WHERE as_of < :as_of AND as_of > :as_of - INTERVAL '62' DAY
)
SELECT
  c.account AS account,
  c.region AS region,
  c.resource_id AS resource_id,
  c.cluster AS cluster
FROM gold.utilisation_cluster AS c
JOIN newest AS n ON n.as_of = c.as_of
WHERE c.as_of < :as_of AND c.as_of > :as_of - INTERVAL '62' DAY AND c.cluster IS NOT NULL
ORDER BY c.account, c.region, c.resource_id
