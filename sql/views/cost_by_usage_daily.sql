-- views.cost_by_usage_daily: cost by day, account, service, region and usage type, in every meaning, with quantity.
--
-- Reads   silver.charge_daily
--
-- `month` is the bill's, and its partition: ask for one. Sums are exact decimals, and may be added up to accounts, regions, services or
-- usage types, to months, and to the invoice; quantities within one usage type and unit: what is not used of a commitment, and what CUR
-- takes back of usage that a plan covers, has none. `amortised_cost` is effective, billed of the charges that state none where others of
-- the bill do; null where the bill states none. Corrections of earlier invoices are rows of their own.
SELECT
  month AS month,
  ts AS ts,
  provider AS provider,
  payer AS payer,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  charge_category AS charge_category,
  charge_class AS charge_class,
  currency AS currency,
  unit AS unit,
  sum(
    CASE
      WHEN charge_category <> 'Usage' OR commitment_id = 'none' OR (pricing_category = 'Committed' AND resource_id <> commitment_id)
        THEN quantity
    END
  ) AS quantity,
  sum(billed_cost) AS billed_cost,
  CASE
    WHEN sum(count(effective_cost)) OVER (PARTITION BY month, provider, payer) > 0 THEN sum(coalesce(effective_cost, billed_cost))
  END AS amortised_cost,
  sum(list_cost) AS list_cost,
  sum(contracted_cost) AS contracted_cost,
  cast(sum(lines) AS bigint) AS lines
FROM silver.charge_daily
GROUP BY month, ts, provider, payer, account, service, region, usage_type, charge_category, charge_class, currency, unit
