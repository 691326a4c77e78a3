-- views.utilisation_cluster_current: the clusters of resources that are used alike, as of the newest run, the largest first.
--
-- Reads   gold.utilisation_cluster
--
-- One row per cluster; ratios are means over its resources. `consolidation_saving_usd` is a month's list price of those whose work fits
-- beside another's: views.consolidation_candidate names them.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.utilisation_cluster
)
SELECT
  c.as_of AS as_of,
  c.cluster AS cluster,
  max(c.description) AS description,
  count(*) AS resources,
  cast(sum(cast(c.cpu_pct AS decimal(38, 9))) AS double) / cast(nullif(count(c.cpu_pct), 0) AS double) AS cpu_pct,
  cast(sum(cast(c.memory_pct AS decimal(38, 9))) AS double) / cast(nullif(count(c.memory_pct), 0) AS double) AS memory_pct,
  cast(sum(cast(c.night_ratio AS decimal(38, 9))) AS double) / cast(nullif(count(c.night_ratio), 0) AS double) AS night_ratio,
  cast(sum(cast(c.weekend_ratio AS decimal(38, 9))) AS double) / cast(nullif(count(c.weekend_ratio), 0) AS double) AS weekend_ratio,
  cast(sum(cast(c.silhouette AS decimal(38, 9))) AS double) / cast(nullif(count(c.silhouette), 0) AS double) AS silhouette,
  count(c.consolidate_into) AS consolidation_candidates,
  cast(sum(cast(c.consolidation_saving_usd AS decimal(38, 9))) AS double) AS consolidation_saving_usd
FROM gold.utilisation_cluster AS c
JOIN newest AS n ON n.as_of = c.as_of
WHERE c.cluster IS NOT NULL
GROUP BY c.as_of, c.cluster
ORDER BY resources DESC, cluster
