-- inputs.dataset_landed: how many samples each source delivered of each metric in a run, how many count, and between which values.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Rows that a later landing replaced were good, and count. The shortest period is of what silver makes means of, where there is any.
-- `source_resources` are the source's over all its metrics: one that has a metric alone is none of another's.
WITH of_resource AS (
  SELECT
    source, metric, account, region, resource_id,
    min(unit) AS unit,
    count(*) AS landed,
    count(*) FILTER (WHERE rule IS NULL OR rule = 'superseded') AS counted,
    count(*) FILTER (WHERE rule IS NULL) AS accepted,
    min(CASE WHEN rule IS NULL AND statistic IN ('average', 'sum') THEN period_s END) AS lean_s,
    min(CASE WHEN rule IS NULL THEN period_s END) AS shortest_s,
    min(CASE WHEN rule IS NULL THEN value END) AS lowest,
    max(CASE WHEN rule IS NULL THEN value END) AS highest
  FROM views.metric_point
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY source, metric, account, region, resource_id
),
numbered AS (
  SELECT
    source, metric, unit, landed, counted, accepted, lean_s, shortest_s, lowest, highest,
    row_number() OVER (
      PARTITION BY source, account, region, resource_id ORDER BY CASE WHEN accepted > 0 THEN 0 ELSE 1 END, metric
    ) AS place
  FROM of_resource
),
summed AS (
  SELECT
    source, metric,
    min(unit) AS unit,
    cast(sum(landed) AS bigint) AS landed,
    cast(sum(counted) AS bigint) AS counted,
    count(*) FILTER (WHERE accepted > 0) AS resources,
    coalesce(min(lean_s), min(shortest_s)) AS period_s,
    min(lowest) AS lowest,
    max(highest) AS highest,
    count(*) FILTER (WHERE accepted > 0 AND place = 1) AS firsts
  FROM numbered
  GROUP BY source, metric
)
SELECT
  source AS source,
  metric AS metric,
  unit AS unit,
  landed AS rows,
  counted AS counted_rows,
  resources AS resources,
  cast(sum(firsts) OVER (PARTITION BY source) AS bigint) AS source_resources,
  period_s AS period_s,
  lowest AS lowest,
  highest AS highest
FROM summed
ORDER BY source, metric
