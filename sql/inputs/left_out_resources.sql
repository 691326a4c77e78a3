-- inputs.left_out_resources: which rows of inventories count in an interval and which were refused, per resource and rule.
--
-- Reads   views.resource_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. A refused row in whose place a good one was landed is not left out.
WITH listed AS (
  SELECT
    coalesce(min(source) FILTER (WHERE rule IS NULL), min(source)) AS source,
    concat_ws('/', account, region, resource_id) AS resource,
    CASE WHEN count(*) = count(rule) THEN min(rule) END AS rule
  FROM views.resource_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY account, region, resource_id, ts
)
SELECT
  source AS source, resource AS resource, cast(NULL AS varchar) AS series, rule AS rule,
  count(*) AS rows, cast(0 AS double) AS dollars, cast(0 AS bigint) AS unread
FROM listed
GROUP BY source, resource, rule
