-- silver.quarantine: the rows that silver refused, whole, with the rule.
--
-- Reads   views.metric_point, views.billing_charge, views.resource_judged, views.price_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Superseded rows are not refused: they were good until a later load replaced them.
WITH refused AS (
  SELECT
    'bronze.metric_sample' AS table_name, load_id, ts, source, rule,
    concat('value ', coalesce(lower(cast(source_value AS varchar)), 'null'), ' ', source_unit, ' of ', source_metric) AS reason,
    json_format(cast(map(
      ARRAY['account', 'region', 'resource_id', 'metric', 'statistic', 'period_s', 'value', 'unit'],
      ARRAY[account, region, resource_id, source_metric, statistic, cast(period_s AS varchar),
            coalesce(lower(cast(source_value AS varchar)), 'null'), source_unit]
    ) AS json)) AS row_json
  FROM views.metric_point
  WHERE rule IS NOT NULL AND rule <> 'superseded'
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  UNION ALL
  SELECT
    'bronze.billing_line' AS table_name, load_id, ts, source, rule,
    concat('line ', cast(line_number AS varchar), ' of the export') AS reason,
    line_json AS row_json
  FROM views.billing_charge
  WHERE rule IS NOT NULL AND rule <> 'superseded'
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  UNION ALL
  SELECT
    'bronze.resource_snapshot' AS table_name, load_id, ts, source, rule,
    concat('resource ', resource_id) AS reason,
    tags_json AS row_json
  FROM views.resource_judged
  WHERE rule IS NOT NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  UNION ALL
  SELECT
    'bronze.price' AS table_name, load_id, ts, source, rule,
    concat('price ', coalesce(lower(cast(price_usd AS varchar)), 'null'), ' of ', item) AS reason,
    json_format(cast(map(
      ARRAY['service', 'region', 'item', 'unit', 'price_usd'],
      ARRAY[service, region, item, unit, coalesce(lower(cast(price_usd AS varchar)), 'null')]
    ) AS json)) AS row_json
  FROM views.price_judged
  WHERE rule IS NOT NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
)
SELECT
  table_name AS table_name,
  load_id AS load_id,
  row_number() OVER (PARTITION BY table_name, load_id ORDER BY ts, rule, row_json) AS row_number,
  ts AS ts,
  source AS source,
  rule AS rule,
  reason AS reason,
  row_json AS row_json
FROM refused
