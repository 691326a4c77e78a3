-- gold.quality_result, all but what is said of gold itself: how many of a load's rows count, and how the checks of silver went.
--
-- Reads   views.metric_point, views.billing_charge, views.bill_load, views.resource_judged, views.price_judged, silver.check_result
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, bronze.focus_line 31 days, bronze.cur_line 31 days
--
-- Rows in = rows accepted + superseded + quarantined, by construction: each row of bronze has exactly one rule or none. Of
-- bills the loads of all billing periods that the interval touches are counted.
WITH judged AS (
  SELECT 'bronze.metric_sample' AS table_name, load_id, rule
  FROM views.metric_point
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  UNION ALL
  SELECT c.table_name, c.load_id, CASE WHEN l.recency > 1 THEN 'superseded' ELSE c.rule END AS rule
  FROM views.billing_charge AS c
  INNER JOIN views.bill_load AS l
    ON l.load_id = c.load_id AND l.ingested_at = c.ingested_at AND l.billing_period = c.billing_period
  WHERE c.day >= cast(date_trunc('month', :start) AS date) AND c.day <= cast(:end AS date) AND c.billing_period < :end
    AND l.day >= cast(date_trunc('month', :start) AS date) AND l.day <= cast(:end AS date)
  UNION ALL
  SELECT 'bronze.resource_snapshot' AS table_name, load_id, rule
  FROM views.resource_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  UNION ALL
  SELECT 'bronze.price' AS table_name, load_id, rule
  FROM views.price_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
),
counted AS (
  SELECT
    table_name, load_id,
    count(*) AS landed,
    count(*) FILTER (WHERE rule IS NULL) AS accepted,
    count(*) FILTER (WHERE rule = 'superseded') AS superseded
  FROM judged
  GROUP BY table_name, load_id
)
SELECT
  :end AS as_of,
  table_name AS table_name,
  load_id AS subject,
  'accepted_rows' AS rule,
  0 AS shard,
  CASE WHEN accepted + superseded < landed THEN 'warning' ELSE 'info' END AS severity,
  accepted + superseded = landed AS success,
  landed AS rows,
  landed - accepted - superseded AS failed_rows,
  cast(accepted + superseded AS double) / cast(landed AS double) AS score,
  concat(
    cast(accepted AS varchar), ' accepted, ', cast(superseded AS varchar), ' superseded, ',
    cast(landed - accepted - superseded AS varchar), ' quarantined'
  ) AS note
FROM counted
UNION ALL
SELECT
  as_of AS as_of,
  table_name AS table_name,
  subject AS subject,
  rule AS rule,
  shard AS shard,
  severity AS severity,
  success AS success,
  rows AS rows,
  failed_rows AS failed_rows,
  score AS score,
  note AS note
FROM silver.check_result
WHERE as_of = :end
