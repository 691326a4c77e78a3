-- silver.quarantine: the rows that silver refused, whole, with the rule.
--
-- Reads   views.metric_point, views.billing_charge, views.resource_judged, views.price_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Superseded rows are not refused: they were good until a later load replaced them. A number is told as a decimal and keys are in
-- the order of letters: engines differ in the text of a double, in the last digits of a large decimal and in the order of a map.
WITH refused_point AS (
  SELECT
    load_id, ts, source, rule, account, region, resource_id, source_metric, statistic, period_s, source_unit,
    CASE
      WHEN source_value IS NULL THEN 'null'
      WHEN is_nan(source_value) THEN 'nan'
      WHEN is_nan(source_value - source_value) THEN CASE WHEN source_value > 0e0 THEN 'infinity' ELSE '-infinity' END
      WHEN abs(source_value) >= 1e15 THEN CASE WHEN source_value > 0e0 THEN '1e15 or more' ELSE '-1e15 or less' END
      WHEN abs(source_value) >= 1e9 THEN cast(cast(floor(source_value) AS bigint) AS varchar)
      ELSE regexp_replace(cast(cast(source_value AS decimal(38, 6)) AS varchar), '[.]?0+\z', '')
    END AS value
  FROM views.metric_point
  WHERE rule IS NOT NULL AND rule <> 'superseded'
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
),
refused_price AS (
  SELECT
    load_id, ts, source, rule, service, region, item, unit,
    CASE
      WHEN price_usd IS NULL THEN 'null'
      WHEN is_nan(price_usd) THEN 'nan'
      WHEN is_nan(price_usd - price_usd) THEN CASE WHEN price_usd > 0e0 THEN 'infinity' ELSE '-infinity' END
      WHEN abs(price_usd) >= 1e15 THEN CASE WHEN price_usd > 0e0 THEN '1e15 or more' ELSE '-1e15 or less' END
      WHEN abs(price_usd) >= 1e6 THEN cast(cast(floor(price_usd) AS bigint) AS varchar)
      ELSE regexp_replace(cast(cast(price_usd AS decimal(38, 9)) AS varchar), '[.]?0+\z', '')
    END AS price_usd
  FROM views.price_judged
  WHERE rule IS NOT NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
),
refused AS (
  SELECT
    'bronze.metric_sample' AS table_name, load_id, ts, source, rule,
    concat('value ', value, ' ', source_unit, ' of ', source_metric) AS reason,
    json_format(cast(map(
      ARRAY['account', 'metric', 'period_s', 'region', 'resource_id', 'statistic', 'unit', 'value'],
      ARRAY[account, source_metric, cast(period_s AS varchar), region, resource_id, statistic, source_unit, value]
    ) AS json)) AS row_json
  FROM refused_point
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
    concat('price ', price_usd, ' of ', item) AS reason,
    json_format(cast(map(
      ARRAY['item', 'price_usd', 'region', 'service', 'unit'], ARRAY[item, price_usd, region, service, unit]
    ) AS json)) AS row_json
  FROM refused_price
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
