-- views.utilisation_cluster_current: the clusters of resources that are used alike, as of the newest run, the largest first.
--
-- Reads   gold.utilisation_cluster
--
-- One row per cluster; percentages and ratios are medians over its resources, as in the report. `consolidation_saving_usd` is a month's
-- list price of those whose work fits beside another's: views.consolidation_candidate names them.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.utilisation_cluster
),
members AS (
  SELECT
    c.as_of, c.cluster, c.description, c.account, c.region, c.resource_id, c.consolidate_into, c.consolidation_saving_usd,
    c.cpu_pct, c.memory_pct, c.night_ratio, c.weekend_ratio, c.silhouette
  FROM gold.utilisation_cluster AS c
  JOIN newest AS n ON n.as_of = c.as_of
  WHERE c.cluster IS NOT NULL
),
figures AS (
  SELECT cluster, account, region, resource_id, 'cpu_pct' AS figure, cpu_pct AS value FROM members
  UNION ALL
  SELECT cluster, account, region, resource_id, 'memory_pct' AS figure, memory_pct AS value FROM members
  UNION ALL
  SELECT cluster, account, region, resource_id, 'night_ratio' AS figure, night_ratio AS value FROM members
  UNION ALL
  SELECT cluster, account, region, resource_id, 'weekend_ratio' AS figure, weekend_ratio AS value FROM members
  UNION ALL
  SELECT cluster, account, region, resource_id, 'silhouette' AS figure, silhouette AS value FROM members
),
ranked AS (
  SELECT
    cluster, figure, cast(value AS decimal(38, 9)) AS value,
    row_number() OVER (PARTITION BY cluster, figure ORDER BY value, account, region, resource_id) AS place,
    count(*) OVER (PARTITION BY cluster, figure) AS known
  FROM figures
  WHERE value IS NOT NULL
),
-- What lies in the middle: one of an odd number, two of an even one.
middle AS (
  SELECT cluster, figure, cast(sum(value) AS double) / cast(nullif(count(*), 0) AS double) AS value
  FROM ranked
  WHERE place * 2 BETWEEN known AND known + 2
  GROUP BY cluster, figure
),
medians AS (
  SELECT
    cluster,
    max(CASE WHEN figure = 'cpu_pct' THEN value END) AS cpu_pct,
    max(CASE WHEN figure = 'memory_pct' THEN value END) AS memory_pct,
    max(CASE WHEN figure = 'night_ratio' THEN value END) AS night_ratio,
    max(CASE WHEN figure = 'weekend_ratio' THEN value END) AS weekend_ratio,
    max(CASE WHEN figure = 'silhouette' THEN value END) AS silhouette
  FROM middle
  GROUP BY cluster
),
summed AS (
  SELECT
    as_of, cluster, max(description) AS description, count(*) AS resources, count(consolidate_into) AS candidates,
    cast(sum(cast(consolidation_saving_usd AS decimal(38, 9))) AS double) AS saving
  FROM members
  GROUP BY as_of, cluster
)
SELECT
  s.as_of AS as_of,
  s.cluster AS cluster,
  s.description AS description,
  s.resources AS resources,
  m.cpu_pct AS cpu_pct,
  m.memory_pct AS memory_pct,
  m.night_ratio AS night_ratio,
  m.weekend_ratio AS weekend_ratio,
  m.silhouette AS silhouette,
  s.candidates AS consolidation_candidates,
  s.saving AS consolidation_saving_usd
FROM summed AS s
LEFT JOIN medians AS m ON m.cluster = s.cluster
ORDER BY resources DESC, cluster
