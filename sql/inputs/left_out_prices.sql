-- inputs.left_out_prices: which list prices count in an interval and which were refused, per item and rule.
--
-- Reads   views.price_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `rule` is null for what counts. A refused price in whose place a good one was landed is not left out. The series of a price is what
-- is sold, where, by which unit.
WITH listed AS (
  SELECT
    coalesce(min(source) FILTER (WHERE rule IS NULL), min(source)) AS source,
    concat_ws('/', service, region, item, unit) AS series,
    CASE WHEN count(*) = count(rule) THEN min(rule) END AS rule
  FROM views.price_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY service, region, item, unit, ts
)
SELECT
  source AS source, cast(NULL AS varchar) AS resource, series AS series, rule AS rule,
  count(*) AS rows, cast(0 AS double) AS dollars, cast(0 AS bigint) AS unread
FROM listed
GROUP BY source, series, rule
