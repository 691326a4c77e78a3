-- inputs.left_out_lines: which lines of bills count in an interval and which were refused, per account, region and service and rule.
--
-- Reads   views.billing_charge
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. `dollars` is the larger of what was billed and what is effective, whatever the sign, and a line of
-- which neither can be is among `unread`.
WITH line AS (
  SELECT
    source, rule,
    concat_ws('/', account, region, service) AS series,
    greatest(
      coalesce(CASE WHEN abs(billed_cost) < 1000000000 THEN abs(billed_cost) END, -1),
      coalesce(CASE WHEN abs(effective_cost) < 1000000000 THEN abs(effective_cost) END, -1)
    ) AS dollars
  FROM views.billing_charge
  WHERE (rule IS NULL OR rule <> 'superseded')
    AND day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
)
SELECT
  source AS source, cast(NULL AS varchar) AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(sum(CASE WHEN dollars >= 0 THEN dollars ELSE 0 END) AS double) AS dollars,
  count(*) FILTER (WHERE dollars < 0) AS unread
FROM line
GROUP BY source, series, rule
