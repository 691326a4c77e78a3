-- inputs.left_out: what of one table of bronze counts in an interval and what was refused, per series and rule.
--
-- Reads   views.metric_point, views.billing_charge, views.resource_judged
-- Params  :table_name    of bronze: metric_sample, billing_line or resource_snapshot
--         :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. A refused row in whose place a good one was landed is not left out: its moment has a value. Of a
-- bill the series is account, region and service; `dollars` is the larger of what was billed and what is effective, whatever the
-- sign, and a line of which neither can be is among `unread`.
WITH sample AS (
  SELECT
    coalesce(min(source) FILTER (WHERE rule IS NULL), min(source)) AS source,
    concat_ws('/', account, region, resource_id) AS resource,
    series_id AS series,
    CASE WHEN count(*) = count(rule) THEN min(rule) END AS rule
  FROM views.metric_point
  WHERE :table_name = 'bronze.metric_sample' AND (rule IS NULL OR rule <> 'superseded')
    AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY account, region, resource_id, series_id, statistic, ts
),
listed AS (
  SELECT
    coalesce(min(source) FILTER (WHERE rule IS NULL), min(source)) AS source,
    concat_ws('/', account, region, resource_id) AS resource,
    CASE WHEN count(*) = count(rule) THEN min(rule) END AS rule
  FROM views.resource_judged
  WHERE :table_name = 'bronze.resource_snapshot'
    AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY account, region, resource_id, ts
),
line AS (
  SELECT
    source, rule,
    concat_ws('/', account, region, service) AS series,
    greatest(
      coalesce(CASE WHEN abs(billed_cost) < 1000000000 THEN abs(billed_cost) END, -1),
      coalesce(CASE WHEN abs(effective_cost) < 1000000000 THEN abs(effective_cost) END, -1)
    ) AS dollars
  FROM views.billing_charge
  WHERE :table_name = 'bronze.billing_line' AND (rule IS NULL OR rule <> 'superseded')
    AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
)
SELECT
  source AS source, resource AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(0 AS double) AS dollars, cast(0 AS bigint) AS unread
FROM sample
GROUP BY source, resource, series, rule
UNION ALL
SELECT
  source AS source, resource AS resource, cast(NULL AS varchar) AS series, rule AS rule,
  count(*) AS rows, cast(0 AS double) AS dollars, cast(0 AS bigint) AS unread
FROM listed
GROUP BY source, resource, rule
UNION ALL
SELECT
  source AS source, cast(NULL AS varchar) AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(sum(CASE WHEN dollars >= 0 THEN dollars ELSE 0 END) AS double) AS dollars,
  count(*) FILTER (WHERE dollars < 0) AS unread
FROM line
GROUP BY source, series, rule
