-- inputs.clusters_before: the cluster of each resource in the newest run before a moment that found clusters, and the highest number yet.
--
-- Reads   gold.utilisation_cluster
-- Params  :as_of   before it, UTC
-- Window  62 days
--
-- The numbers of clusters are kept over runs: whoever makes new ones matches them to these. `highest` is of all runs in the window: a
-- number that an older cluster had is not given to another. A run that found none is passed over.
WITH numbered AS (
  SELECT
    as_of, account, region, resource_id, cluster,
    max(as_of) OVER () AS newest,
    max(cluster) OVER () AS highest
  FROM gold.utilisation_cluster
  WHERE as_of < :as_of AND as_of > :as_of - INTERVAL '62' DAY AND cluster IS NOT NULL
)
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  cluster AS cluster,
  highest AS highest
FROM numbered
WHERE as_of = newest
ORDER BY account, region, resource_id
