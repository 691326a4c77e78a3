-- views.consolidation_candidate: machines whose work fits beside that of another, as of the newest run, the dearest first.
--
-- Reads   gold.utilisation_cluster
--
-- Candidates, not recommendations: whether two programs may share a machine is known to people. None of them, and no host, is one that
-- the run recommends to stop, resize or change otherwise, so that no machine's price is counted twice. It is the list price: a machine
-- that a commitment covers saves nothing before that ends, and what the run recommends to commit to counts on the usage as it is, that of
-- these machines with it: the savings of both do not add up.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.utilisation_cluster
)
SELECT
  c.as_of AS as_of,
  c.account AS account,
  c.region AS region,
  c.resource_id AS resource_id,
  c.cluster AS cluster,
  c.consolidate_into AS consolidate_into,
  h.cluster AS host_cluster,
  c.consolidation_saving_usd AS consolidation_saving_usd,
  c.consolidation_reason AS consolidation_reason
FROM gold.utilisation_cluster AS c
JOIN newest AS n ON n.as_of = c.as_of
LEFT JOIN gold.utilisation_cluster AS h
  ON h.as_of = c.as_of AND h.account = c.account AND h.region = c.region AND h.resource_id = c.consolidate_into
WHERE c.consolidate_into IS NOT NULL
ORDER BY c.consolidation_saving_usd DESC, c.account, c.region, c.resource_id
