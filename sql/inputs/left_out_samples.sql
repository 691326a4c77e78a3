-- inputs.left_out_samples: which samples of metrics count in an interval and which were refused, per series and rule.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. A refused row in whose place a good one was landed is not left out: its moment has a value;
-- nor is one that tells the same moment by another statistic.
WITH sample AS (
  SELECT
    coalesce(min(source) FILTER (WHERE rule IS NULL), min(source)) AS source,
    concat_ws('/', account, region, resource_id) AS resource,
    series_id AS series,
    CASE WHEN count(*) = count(rule) THEN min(rule) END AS rule
  FROM views.metric_point
  WHERE (rule IS NULL OR rule NOT IN ('superseded', 'second_statistic'))
    AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY account, region, resource_id, series_id, statistic, ts
)
SELECT
  source AS source, resource AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(0 AS double) AS dollars, cast(0 AS bigint) AS unread
FROM sample
GROUP BY source, resource, series, rule
