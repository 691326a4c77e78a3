-- views.billing_charge: every billing line that counts, with its cost in four meanings, judged.
--
-- Reads   bronze.billing_line
--
-- FOCUS and CUR 2.0 name the same things differently; CUR's amortised cost follows the line type (unused commitment is charged
-- where its fee line is, covered usage at its effective cost, the negation at nothing, and so what is paid up front for a plan or a
-- reservation: its usage carries it). An export that is landed again replaces the billing account's day as a whole, whatever its
-- format: line ids are not stable between refreshes. A line of the format `withdrawn` takes part in that and is no charge: the
-- account has none of that day any more. `rule` is null for lines that count. An Azure subscription's leading slash is dropped from
-- the account. Names are those that landing made safe. An amount that is no number, or of a thousand million and more, refuses its
-- line: a total that leaves out a part of one says nothing. What a number is, a pattern says: engines differ in what they cast. A
-- fee of two parts is `a less b` or `a plus b` until both are decimals.
WITH landed AS (
  SELECT
    day, source, format, billing_period, line_number, ts, line_json, made_safe, load_id, ingested_at, sequence,
    CASE WHEN try(json_parse(line_json)) IS NOT NULL THEN line_json END AS line
  FROM bronze.billing_line
),
ranked AS (
  SELECT
    day, source, format, billing_period, line_number, ts, line_json, line, made_safe, load_id,
    dense_rank() OVER (
      PARTITION BY
        day, source, billing_period,
        coalesce(
          json_extract_scalar(line, '$.BillingAccountId'),
          json_extract_scalar(line, '$.bill_payer_account_id'),
          json_extract_scalar(line, '$.account'),
          ''
        )
      ORDER BY coalesce(sequence, 0) DESC, ingested_at DESC, load_id DESC
    ) AS recency
  FROM landed
),
focus AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency,
    coalesce(
      json_extract_scalar(line, '$.ProviderName'), json_extract_scalar(line, '$.ServiceProviderName'), 'unknown'
    ) AS provider,
    coalesce(json_extract_scalar(made_safe, '$.SubAccountId'), json_extract_scalar(line, '$.SubAccountId')) AS account,
    json_extract_scalar(line, '$.ServiceName') AS service,
    coalesce(json_extract_scalar(made_safe, '$.RegionId'), json_extract_scalar(line, '$.RegionId')) AS region,
    json_extract_scalar(line, '$.ChargeCategory') AS charge_category,
    json_extract_scalar(line, '$.BillingCurrency') AS currency,
    json_extract_scalar(line, '$.BilledCost') AS billed,
    json_extract_scalar(line, '$.EffectiveCost') AS effective,
    json_extract_scalar(line, '$.ListCost') AS list
  FROM ranked
  WHERE format IN ('focus_1_0', 'focus_1_2')
),
cur AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency,
    'AWS' AS provider,
    coalesce(json_extract_scalar(made_safe, '$.line_item_usage_account_id'), json_extract_scalar(line, '$.line_item_usage_account_id')) AS account,
    coalesce(nullif(json_extract_scalar(line, '$.product_servicecode'), ''), json_extract_scalar(line, '$.line_item_product_code')) AS service,
    coalesce(json_extract_scalar(made_safe, '$.product_region_code'), json_extract_scalar(line, '$.product_region_code')) AS region,
    CASE
      WHEN json_extract_scalar(line, '$.line_item_line_item_type') IN ('Credit', 'Refund', 'Tax')
        THEN json_extract_scalar(line, '$.line_item_line_item_type')
      WHEN json_extract_scalar(line, '$.line_item_line_item_type') IN ('SavingsPlanUpfrontFee', 'Fee') THEN 'Purchase'
      ELSE 'Usage'
    END AS charge_category,
    json_extract_scalar(line, '$.line_item_currency_code') AS currency,
    json_extract_scalar(line, '$.line_item_unblended_cost') AS billed,
    CASE json_extract_scalar(line, '$.line_item_line_item_type')
      WHEN 'SavingsPlanCoveredUsage' THEN json_extract_scalar(line, '$.savings_plan_savings_plan_effective_cost')
      WHEN 'SavingsPlanRecurringFee' THEN nullif(json_extract_scalar(line, '$.savings_plan_total_commitment_to_date'), '')
        || ' less ' || nullif(json_extract_scalar(line, '$.savings_plan_used_commitment'), '')
      WHEN 'SavingsPlanNegation' THEN '0'
      WHEN 'SavingsPlanUpfrontFee' THEN '0'
      WHEN 'DiscountedUsage' THEN json_extract_scalar(line, '$.reservation_effective_cost')
      WHEN 'Fee' THEN CASE
        WHEN nullif(json_extract_scalar(line, '$.reservation_reservation_a_r_n'), '') IS NOT NULL THEN '0'
        ELSE json_extract_scalar(line, '$.line_item_unblended_cost')
      END
      WHEN 'RIFee' THEN nullif(json_extract_scalar(line, '$.reservation_unused_amortized_upfront_fee_for_billing_period'), '')
        || ' plus ' || nullif(json_extract_scalar(line, '$.reservation_unused_recurring_fee'), '')
      ELSE json_extract_scalar(line, '$.line_item_unblended_cost')
    END AS effective,
    json_extract_scalar(line, '$.pricing_public_on_demand_cost') AS list
  FROM ranked
  WHERE format = 'cur_2_0'
),
daily AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency,
    'other' AS provider,
    coalesce(json_extract_scalar(made_safe, '$.account'), json_extract_scalar(line, '$.account')) AS account,
    json_extract_scalar(line, '$.service') AS service,
    cast(NULL AS varchar) AS region,
    'Usage' AS charge_category,
    json_extract_scalar(line, '$.currency') AS currency,
    json_extract_scalar(line, '$.cost_usd') AS billed,
    json_extract_scalar(line, '$.cost_usd') AS effective,
    json_extract_scalar(line, '$.cost_usd') AS list
  FROM ranked
  WHERE format = 'daily_cost'
),
charge AS (
  SELECT day, source, ts, load_id, line_number, line_json, recency, provider, account, service, region, charge_category, currency, billed, effective, list FROM focus
  UNION ALL
  SELECT day, source, ts, load_id, line_number, line_json, recency, provider, account, service, region, charge_category, currency, billed, effective, list FROM cur
  UNION ALL
  SELECT day, source, ts, load_id, line_number, line_json, recency, provider, account, service, region, charge_category, currency, billed, effective, list FROM daily
),
cleaned AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency, provider, currency,
    coalesce(nullif(nullif(regexp_replace(account, '^/+', ''), 'NULL'), ''), 'none') AS account,
    coalesce(nullif(nullif(service, 'NULL'), ''), 'none') AS service,
    coalesce(nullif(nullif(region, 'NULL'), ''), 'global') AS region,
    coalesce(nullif(nullif(charge_category, 'NULL'), ''), 'Usage') AS charge_category,
    nullif(nullif(regexp_replace(billed, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS billed,
    nullif(nullif(regexp_replace(effective, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS effective,
    nullif(nullif(regexp_replace(list, '^[ \t\r\n]+|[ \t\r\n]+\z', ''), 'NULL'), '') AS list
  FROM charge
),
numbers AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency, provider, currency, account, service, region, charge_category,
    effective, list,
    transform(
      ARRAY[billed, split_part(effective, ' ', 1), split_part(effective, ' ', 3), list],
      amount -> CASE WHEN regexp_like(amount, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN amount END
    ) AS number
  FROM cleaned
),
amounts AS (
  SELECT
    day, source, ts, load_id, line_number, line_json, recency, provider, currency, account, service, region, charge_category,
    effective, list,
    try_cast(number[1] AS decimal(38, 12)) AS billed_cost,
    CASE
      WHEN strpos(effective, ' ') = 0 THEN try_cast(number[2] AS decimal(38, 12))
      WHEN regexp_like(effective, '^[^ ]+ less [^ ]+\z') THEN try_cast(number[2] AS decimal(37, 12)) - try_cast(number[3] AS decimal(37, 12))
      WHEN regexp_like(effective, '^[^ ]+ plus [^ ]+\z') THEN try_cast(number[2] AS decimal(37, 12)) + try_cast(number[3] AS decimal(37, 12))
    END AS effective_cost,
    try_cast(number[4] AS decimal(38, 12)) AS list_cost
  FROM numbers
)
SELECT
  day AS day,
  source AS source,
  ts AS ts,
  provider AS provider,
  account AS account,
  service AS service,
  region AS region,
  charge_category AS charge_category,
  currency AS currency,
  billed_cost AS billed_cost,
  effective_cost AS effective_cost,
  list_cost AS list_cost,
  CASE
    WHEN recency > 1 THEN 'superseded'
    WHEN currency IS NULL OR NOT regexp_like(currency, '^[A-Z]{3}\z') THEN 'bad_currency'
    WHEN billed_cost IS NULL THEN 'bad_billed_cost'
    WHEN effective IS NOT NULL AND effective_cost IS NULL THEN 'bad_effective_cost'
    WHEN list IS NOT NULL AND list_cost IS NULL THEN 'bad_list_cost'
    WHEN abs(billed_cost) >= 1000000000 OR abs(effective_cost) >= 1000000000 OR abs(list_cost) >= 1000000000 THEN 'implausible_cost'
    WHEN NOT regexp_like(
          concat(concat_ws(' ', account, region), ' '),
          '^(([A-Za-z0-9]|%[2-9A-F][0-9A-F])([A-Za-z0-9._:/@+=-]|%[2-9A-F][0-9A-F])* ){2}\z'
        ) OR strpos(concat_ws(' ', account, region), '..') > 0 OR length(concat_ws(' ', account, region)) > 512 THEN 'bad_identifier'
    WHEN regexp_like(concat(service, charge_category, provider), '[\x00-\x1f\x7f]') THEN 'control_character'
  END AS rule,
  load_id AS load_id,
  line_number AS line_number,
  line_json AS line_json
FROM amounts
