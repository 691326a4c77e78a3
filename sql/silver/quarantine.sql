-- silver.quarantine: the rows that silver refused, whole, with the rule.
--
-- Reads   views.metric_point, views.billing_charge, silver.bill, views.resource_judged, views.price_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, bronze.focus_line 31 days, bronze.cur_line 31 days, silver.bill 31 days
--
-- Superseded rows are not refused: they were good until a later load replaced them. A number is told as a decimal and keys are in
-- the order of letters: engines differ in the text of a double, in the last digits of a large decimal and in the order of a map. A
-- bill's line has the moment of its charge, or of its billing period where it has none there; the whole line is in bronze. It keeps its
-- own number: a load has a month of them, of which a run publishes some days. Bills of which `silver.bill` refused no line are not judged
-- again.
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
    cast(NULL AS bigint) AS line_number,
    json_format(cast(map(
      ARRAY['account', 'metric', 'period_s', 'region', 'resource_id', 'statistic', 'unit', 'value'],
      ARRAY[account, source_metric, cast(period_s AS varchar), region, resource_id, statistic, source_unit, value]
    ) AS json)) AS row_json
  FROM refused_point
  UNION ALL
  SELECT
    c.table_name, c.load_id, c.dated AS ts, c.source, c.rule,
    concat('line ', cast(c.line_number AS varchar), ' of ', c.export) AS reason,
    c.line_number,
    json_format(cast(map(
      ARRAY['account', 'billed', 'charge_category', 'contracted', 'currency', 'effective', 'list', 'payer', 'provider', 'region', 'resource_id', 'service', 'tags', 'usage_type'],
      ARRAY[c.account, c.billed, c.charge_category, c.contracted, c.currency, c.effective, c.list, c.payer, c.provider, c.region, c.resource_id, c.service, c.tags, c.usage_type]
    ) AS json)) AS row_json
  FROM views.billing_charge AS c
  INNER JOIN silver.bill AS b
    ON b.load_id = c.load_id AND b.ingested_at = c.ingested_at AND b.billing_period = c.billing_period
    AND b.provider = c.provider AND b.payer = c.payer
  WHERE c.rule IS NOT NULL AND b.lines_refused > 0
    AND c.day >= cast(date_trunc('month', :start) AS date) AND c.day <= cast(:end AS date)
    AND b.billing_period >= date_trunc('month', :start) AND b.billing_period < :end
    AND c.dated >= :start AND c.dated < :end
  UNION ALL
  SELECT
    'bronze.resource_snapshot' AS table_name, load_id, ts, source, rule,
    concat('resource ', resource_id) AS reason,
    cast(NULL AS bigint) AS line_number,
    tags_json AS row_json
  FROM views.resource_judged
  WHERE rule IS NOT NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  UNION ALL
  SELECT
    'bronze.price' AS table_name, load_id, ts, source, rule,
    concat('price ', price_usd, ' of ', item) AS reason,
    cast(NULL AS bigint) AS line_number,
    json_format(cast(map(
      ARRAY['item', 'price_usd', 'region', 'service', 'unit'], ARRAY[item, price_usd, region, service, unit]
    ) AS json)) AS row_json
  FROM refused_price
)
SELECT
  table_name AS table_name,
  load_id AS load_id,
  coalesce(line_number, row_number() OVER (PARTITION BY table_name, load_id ORDER BY ts, rule, row_json)) AS row_number,
  ts AS ts,
  source AS source,
  rule AS rule,
  reason AS reason,
  row_json AS row_json
FROM refused
