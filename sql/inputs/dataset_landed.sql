-- inputs.dataset_landed: how many samples each source delivered of each metric in a run, how many count, and between which values.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Rows that a later landing replaced were good, and count. The shortest period is of what silver makes means of, where there is any.
SELECT
  source AS source,
  metric AS metric,
  min(unit) AS unit,
  count(*) AS rows,
  count(*) FILTER (WHERE rule IS NULL OR rule = 'superseded') AS counted_rows,
  count(DISTINCT CASE WHEN rule IS NULL THEN concat_ws('/', account, region, resource_id) END) AS resources,
  coalesce(
    min(CASE WHEN rule IS NULL AND statistic IN ('average', 'sum') THEN period_s END),
    min(CASE WHEN rule IS NULL THEN period_s END)
  ) AS period_s,
  min(CASE WHEN rule IS NULL THEN value END) AS lowest,
  max(CASE WHEN rule IS NULL THEN value END) AS highest
FROM views.metric_point
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
GROUP BY source, metric
ORDER BY source, metric
