-- views.utilisation_cluster_current: the clusters of resources that are used alike, as of the newest run, the largest first.
--
-- Reads   gold.utilisation_cluster
--
-- One row per cluster; percentages and ratios are medians over its resources, as in the report. `consolidation_saving_usd` is a month's
-- list price of those whose work fits beside another's: views.consolidation_candidate names them.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.utilisation_cluster
),
ranked AS (
  SELECT
    c.as_of, c.cluster, c.description, c.consolidate_into, c.consolidation_saving_usd,
    c.cpu_pct, c.memory_pct, c.night_ratio, c.weekend_ratio, c.silhouette,
    row_number() OVER (
      PARTITION BY c.cluster ORDER BY c.cpu_pct NULLS LAST, c.account, c.region, c.resource_id
    ) AS cpu_pct_place,
    count(c.cpu_pct) OVER (PARTITION BY c.cluster) AS cpu_pct_known,
    row_number() OVER (
      PARTITION BY c.cluster ORDER BY c.memory_pct NULLS LAST, c.account, c.region, c.resource_id
    ) AS memory_pct_place,
    count(c.memory_pct) OVER (PARTITION BY c.cluster) AS memory_pct_known,
    row_number() OVER (
      PARTITION BY c.cluster ORDER BY c.night_ratio NULLS LAST, c.account, c.region, c.resource_id
    ) AS night_ratio_place,
    count(c.night_ratio) OVER (PARTITION BY c.cluster) AS night_ratio_known,
    row_number() OVER (
      PARTITION BY c.cluster ORDER BY c.weekend_ratio NULLS LAST, c.account, c.region, c.resource_id
    ) AS weekend_ratio_place,
    count(c.weekend_ratio) OVER (PARTITION BY c.cluster) AS weekend_ratio_known,
    row_number() OVER (
      PARTITION BY c.cluster ORDER BY c.silhouette NULLS LAST, c.account, c.region, c.resource_id
    ) AS silhouette_place,
    count(c.silhouette) OVER (PARTITION BY c.cluster) AS silhouette_known
  FROM gold.utilisation_cluster AS c
  JOIN newest AS n ON n.as_of = c.as_of
  WHERE c.cluster IS NOT NULL
),
-- What lies in the middle: one of an odd number, two of an even one.
middle AS (
  SELECT
    as_of, cluster, description, consolidate_into, consolidation_saving_usd,
    CASE
      WHEN cpu_pct_place * 2 BETWEEN cpu_pct_known AND cpu_pct_known + 2 THEN cast(cpu_pct AS decimal(38, 9))
    END AS cpu_pct,
    CASE
      WHEN memory_pct_place * 2 BETWEEN memory_pct_known AND memory_pct_known + 2 THEN cast(memory_pct AS decimal(38, 9))
    END AS memory_pct,
    CASE
      WHEN night_ratio_place * 2 BETWEEN night_ratio_known AND night_ratio_known + 2 THEN cast(night_ratio AS decimal(38, 9))
    END AS night_ratio,
    CASE
      WHEN weekend_ratio_place * 2 BETWEEN weekend_ratio_known AND weekend_ratio_known + 2 THEN cast(weekend_ratio AS decimal(38, 9))
    END AS weekend_ratio,
    CASE
      WHEN silhouette_place * 2 BETWEEN silhouette_known AND silhouette_known + 2 THEN cast(silhouette AS decimal(38, 9))
    END AS silhouette
  FROM ranked
)
SELECT
  as_of AS as_of,
  cluster AS cluster,
  max(description) AS description,
  count(*) AS resources,
  cast(sum(cpu_pct) AS double) / cast(nullif(count(cpu_pct), 0) AS double) AS cpu_pct,
  cast(sum(memory_pct) AS double) / cast(nullif(count(memory_pct), 0) AS double) AS memory_pct,
  cast(sum(night_ratio) AS double) / cast(nullif(count(night_ratio), 0) AS double) AS night_ratio,
  cast(sum(weekend_ratio) AS double) / cast(nullif(count(weekend_ratio), 0) AS double) AS weekend_ratio,
  cast(sum(silhouette) AS double) / cast(nullif(count(silhouette), 0) AS double) AS silhouette,
  count(consolidate_into) AS consolidation_candidates,
  cast(sum(cast(consolidation_saving_usd AS decimal(38, 9))) AS double) AS consolidation_saving_usd
FROM middle
GROUP BY as_of, cluster
ORDER BY resources DESC, cluster
