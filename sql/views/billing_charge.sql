-- views.billing_charge: every line of a bill, of every execution that was landed, with its cost in four meanings, judged.
--
-- Reads   bronze.focus_line, bronze.cur_line
--
-- FOCUS and CUR name the same things differently; CUR's amortised cost follows the line type (unused commitment is charged where its
-- fee line is, covered usage at its effective cost, the negation at nothing, and so what is paid up front for a plan or a
-- reservation: its usage carries it). Which execution counts, silver.bill says. `rule` is null for lines that count. An Azure
-- subscription's leading slash is dropped from account and resource. Names are those that landing made safe. An amount that is no
-- number, or of a thousand million and more, refuses its line: a total that leaves out a part of one says nothing. What a number
-- is, a pattern says: engines differ in what they cast. A fee of two parts is `a less b` or `a plus b` until both are decimals.
-- `ts` is the day of the charge, or of its billing period where it has none; `dated` where quarantine has it.
WITH focus AS (
  SELECT
    'bronze.focus_line' AS table_name,
    day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set, load_id,
    ingested_at, sequence,
    coalesce(provider_name, service_provider_name) AS provider,
    billing_account_id AS payer,
    invoice_issuer_name AS issuer,
    coalesce(json_extract_scalar(made_safe, '$.sub_account_id'), sub_account_id) AS account,
    service_name AS service,
    coalesce(json_extract_scalar(made_safe, '$.region_id'), region_id) AS region,
    coalesce(x_usage_type, sku_id) AS usage_type,
    coalesce(json_extract_scalar(made_safe, '$.resource_id'), resource_id) AS resource_id,
    charge_category,
    charge_class,
    pricing_category,
    commitment_discount_id AS commitment_id,
    invoice_id,
    billing_currency AS currency,
    billing_period_start AS period_start,
    coalesce(nullif(nullif(consumed_quantity, 'NULL'), ''), pricing_quantity) AS quantity,
    CASE WHEN nullif(nullif(consumed_quantity, 'NULL'), '') IS NOT NULL THEN consumed_unit ELSE pricing_unit END AS unit,
    tags,
    billed_cost AS billed,
    effective_cost AS effective,
    list_cost AS list,
    contracted_cost AS contracted
  FROM bronze.focus_line
),
cur AS (
  SELECT
    'bronze.cur_line' AS table_name,
    day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set, load_id,
    ingested_at, sequence,
    'AWS' AS provider,
    bill_payer_account_id AS payer,
    bill_invoicing_entity AS issuer,
    coalesce(json_extract_scalar(made_safe, '$.line_item_usage_account_id'), line_item_usage_account_id) AS account,
    coalesce(nullif(product_servicecode, ''), line_item_product_code) AS service,
    coalesce(json_extract_scalar(made_safe, '$.product_region_code'), product_region_code) AS region,
    line_item_usage_type AS usage_type,
    coalesce(json_extract_scalar(made_safe, '$.line_item_resource_id'), line_item_resource_id) AS resource_id,
    CASE
      WHEN line_item_line_item_type IN ('Credit', 'Refund', 'Tax') THEN line_item_line_item_type
      WHEN line_item_line_item_type IN ('SavingsPlanUpfrontFee', 'Fee') THEN 'Purchase'
      ELSE 'Usage'
    END AS charge_category,
    cast(NULL AS varchar) AS charge_class,
    CASE
      WHEN line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') THEN 'Committed'
      WHEN pricing_term = 'Spot' THEN 'Dynamic'
      WHEN line_item_line_item_type = 'Usage' THEN 'Standard'
    END AS pricing_category,
    coalesce(nullif(savings_plan_savings_plan_a_r_n, ''), reservation_reservation_a_r_n) AS commitment_id,
    bill_invoice_id AS invoice_id,
    line_item_currency_code AS currency,
    bill_billing_period_start_date AS period_start,
    line_item_usage_amount AS quantity,
    pricing_unit AS unit,
    resource_tags AS tags,
    line_item_unblended_cost AS billed,
    CASE line_item_line_item_type
      WHEN 'SavingsPlanCoveredUsage' THEN savings_plan_savings_plan_effective_cost
      WHEN 'SavingsPlanRecurringFee'
        THEN nullif(savings_plan_total_commitment_to_date, '') || ' less ' || nullif(savings_plan_used_commitment, '')
      WHEN 'SavingsPlanNegation' THEN '0'
      WHEN 'SavingsPlanUpfrontFee' THEN '0'
      WHEN 'DiscountedUsage' THEN reservation_effective_cost
      WHEN 'Fee' THEN CASE WHEN nullif(reservation_reservation_a_r_n, '') IS NOT NULL THEN '0' ELSE line_item_unblended_cost END
      WHEN 'RIFee' THEN nullif(reservation_unused_amortized_upfront_fee_for_billing_period, '')
        || ' plus ' || nullif(reservation_unused_recurring_fee, '')
      ELSE line_item_unblended_cost
    END AS effective,
    pricing_public_on_demand_cost AS list,
    CASE
      WHEN line_item_line_item_type IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') THEN pricing_public_on_demand_cost
      ELSE line_item_unblended_cost
    END AS contracted
  FROM bronze.cur_line
),
charge AS (
  SELECT
    table_name, day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set,
    load_id, ingested_at, sequence, provider, payer, issuer, account, service, region, usage_type, resource_id, charge_category,
    charge_class, pricing_category, commitment_id, invoice_id, currency, period_start, quantity, unit, tags, billed, effective, list, contracted
  FROM focus
  UNION ALL
  SELECT
    table_name, day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set,
    load_id, ingested_at, sequence, provider, payer, issuer, account, service, region, usage_type, resource_id, charge_category,
    charge_class, pricing_category, commitment_id, invoice_id, currency, period_start, quantity, unit, tags, billed, effective, list, contracted
  FROM cur
),
cleaned AS (
  SELECT
    table_name, day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set,
    load_id, ingested_at, sequence, currency, tags, period_start,
    coalesce(nullif(nullif(provider, 'NULL'), ''), 'unknown') AS provider,
    coalesce(nullif(nullif(payer, 'NULL'), ''), 'none') AS payer,
    nullif(nullif(trim(issuer), 'NULL'), '') AS issuer,
    coalesce(nullif(nullif(regexp_replace(account, '^/+', ''), 'NULL'), ''), 'none') AS account,
    coalesce(nullif(nullif(service, 'NULL'), ''), 'none') AS service,
    coalesce(nullif(nullif(region, 'NULL'), ''), 'global') AS region,
    coalesce(nullif(nullif(usage_type, 'NULL'), ''), 'none') AS usage_type,
    coalesce(nullif(nullif(regexp_replace(resource_id, '^/+', ''), 'NULL'), ''), 'none') AS resource_id,
    coalesce(nullif(nullif(charge_category, 'NULL'), ''), 'Usage') AS charge_category,
    coalesce(nullif(nullif(charge_class, 'NULL'), ''), 'none') AS charge_class,
    coalesce(nullif(nullif(pricing_category, 'NULL'), ''), 'none') AS pricing_category,
    coalesce(nullif(nullif(commitment_id, 'NULL'), ''), 'none') AS commitment_id,
    nullif(nullif(invoice_id, 'NULL'), '') AS invoice_id,
    coalesce(nullif(nullif(unit, 'NULL'), ''), 'none') AS unit,
    nullif(nullif(regexp_replace(quantity, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS quantity,
    nullif(nullif(regexp_replace(billed, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS billed,
    nullif(nullif(regexp_replace(effective, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS effective,
    nullif(nullif(regexp_replace(list, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS list,
    nullif(nullif(regexp_replace(contracted, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS contracted
  FROM charge
),
numbers AS (
  SELECT
    table_name, day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set,
    load_id, ingested_at, sequence, currency, tags, period_start, provider, payer, issuer, account, service, region, usage_type, resource_id,
    charge_category, charge_class, pricing_category, commitment_id, invoice_id, unit, billed, effective, list, contracted,
    CASE WHEN regexp_like(billed, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN billed END AS billed_number,
    CASE WHEN regexp_like(split_part(effective, ' ', 1), '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN split_part(effective, ' ', 1) END AS effective_number,
    CASE WHEN regexp_like(split_part(effective, ' ', 3), '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN split_part(effective, ' ', 3) END AS second_number,
    CASE WHEN regexp_like(list, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN list END AS list_number,
    CASE WHEN regexp_like(contracted, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN contracted END AS contracted_number,
    CASE WHEN regexp_like(quantity, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN quantity END AS quantity_number
  FROM cleaned
),
amounts AS (
  SELECT
    table_name, day, source, format, export, execution, files, schema_hash, billing_period, line_number, charge_start, tag_set,
    load_id, ingested_at, sequence, currency, tags, period_start, provider, payer, issuer, account, service, region, usage_type, resource_id,
    charge_category, charge_class, pricing_category, commitment_id, invoice_id, unit, billed, effective, list, contracted,
    try_cast(billed_number AS decimal(38, 12)) AS billed_cost,
    CASE
      WHEN strpos(effective, ' ') = 0 THEN try_cast(effective_number AS decimal(38, 12))
      WHEN regexp_like(effective, '^[^ ]+ less [^ ]+\z') THEN try_cast(effective_number AS decimal(37, 12)) - try_cast(second_number AS decimal(37, 12))
      WHEN regexp_like(effective, '^[^ ]+ plus [^ ]+\z') THEN try_cast(effective_number AS decimal(37, 12)) + try_cast(second_number AS decimal(37, 12))
    END AS effective_cost,
    try_cast(list_number AS decimal(38, 12)) AS list_cost,
    try_cast(contracted_number AS decimal(38, 12)) AS contracted_cost,
    try_cast(quantity_number AS decimal(38, 12)) AS quantity
  FROM numbers
)
SELECT
  table_name AS table_name,
  day AS day,
  source AS source,
  format AS format,
  export AS export,
  execution AS execution,
  files AS files,
  schema_hash AS schema_hash,
  billing_period AS billing_period,
  coalesce(charge_start, billing_period) AS ts,
  CASE
    WHEN charge_start >= billing_period AND charge_start < billing_period + INTERVAL '1' MONTH THEN charge_start ELSE billing_period
  END AS dated,
  provider AS provider,
  payer AS payer,
  issuer AS issuer,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  resource_id AS resource_id,
  charge_category AS charge_category,
  charge_class AS charge_class,
  pricing_category AS pricing_category,
  commitment_id AS commitment_id,
  invoice_id AS invoice_id,
  tag_set AS tag_set,
  tags AS tags,
  currency AS currency,
  unit AS unit,
  CASE WHEN abs(quantity) < 1000000000000000 THEN quantity END AS quantity,
  billed_cost AS billed_cost,
  effective_cost AS effective_cost,
  list_cost AS list_cost,
  contracted_cost AS contracted_cost,
  billed AS billed,
  effective AS effective,
  list AS list,
  contracted AS contracted,
  CASE
    WHEN nullif(nullif(trim(period_start), 'NULL'), '') IS NULL THEN 'bad_billing_period'
    WHEN charge_start IS NULL OR charge_start >= billing_period + INTERVAL '1' MONTH THEN 'bad_charge_period'
    WHEN currency IS NULL OR NOT regexp_like(currency, '^[A-Z]{3}\z') THEN 'bad_currency'
    WHEN billed_cost IS NULL THEN 'bad_billed_cost'
    WHEN effective IS NOT NULL AND effective_cost IS NULL THEN 'bad_effective_cost'
    WHEN list IS NOT NULL AND list_cost IS NULL THEN 'bad_list_cost'
    WHEN contracted IS NOT NULL AND contracted_cost IS NULL THEN 'bad_contracted_cost'
    WHEN abs(billed_cost) >= 1000000000 OR abs(effective_cost) >= 1000000000 OR abs(list_cost) >= 1000000000
      OR abs(contracted_cost) >= 1000000000 THEN 'implausible_cost'
    WHEN NOT regexp_like(
          concat(concat_ws(' ', account, region), ' '),
          '^(([A-Za-z0-9]|%[2-9A-F][0-9A-F])([A-Za-z0-9._:/@+=-]|%[2-9A-F][0-9A-F])* ){2}\z'
        ) OR strpos(concat_ws(' ', account, region), '..') > 0 OR length(concat_ws(' ', account, region)) > 512 THEN 'bad_identifier'
    WHEN regexp_like(
          concat_ws(' ', service, charge_category, charge_class, pricing_category, provider, payer, usage_type, resource_id, commitment_id, unit),
          '[\x00-\x1f\x7f]'
        ) THEN 'control_character'
    WHEN tag_set IS NULL AND nullif(nullif(replace(tags, ' ', ''), 'NULL'), '') NOT IN ('{}', 'null') THEN 'bad_tags'
  END AS rule,
  load_id AS load_id,
  ingested_at AS ingested_at,
  sequence AS sequence,
  line_number AS line_number
FROM amounts
