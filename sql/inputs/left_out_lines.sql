-- inputs.left_out_lines: which lines of bills count in billing periods and which were refused, per account, region and service and rule.
--
-- Reads   views.billing_charge, views.bill_load
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. `dollars` is the larger of what was billed and what is effective, whatever the sign, and a line of
-- which neither can be is among `unread`.
WITH line AS (
  SELECT
    c.table_name, c.source, c.rule,
    concat_ws('/', c.account, c.region, c.service) AS series,
    greatest(
      coalesce(CASE WHEN abs(c.billed_cost) < 1000000000 THEN abs(c.billed_cost) END, -1),
      coalesce(CASE WHEN abs(c.effective_cost) < 1000000000 THEN abs(c.effective_cost) END, -1)
    ) AS dollars
  FROM views.billing_charge AS c
  INNER JOIN views.bill_load AS l
    ON l.load_id = c.load_id AND l.ingested_at = c.ingested_at AND l.billing_period = c.billing_period AND l.recency = 1
  WHERE c.day >= cast(:start AS date) AND c.day <= cast(:end AS date) AND c.billing_period >= :start AND c.billing_period < :end
    AND l.day >= cast(:start AS date) AND l.day <= cast(:end AS date)
)
SELECT
  table_name AS table_name, source AS source, cast(NULL AS varchar) AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(sum(CASE WHEN dollars >= 0 THEN dollars ELSE 0 END) AS double) AS dollars,
  count(*) FILTER (WHERE dollars < 0) AS unread
FROM line
GROUP BY table_name, source, series, rule
