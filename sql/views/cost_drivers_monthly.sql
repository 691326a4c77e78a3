-- views.cost_drivers_monthly: why each service costs more or less than in the month before, in parts that sum to the change exactly.
--
-- Reads   silver.charge_daily
--
-- `month` is the newer one, as of the bill; its partition alone is read of it, the month before has to be looked for. Of each account,
-- service, region, usage type and unit: `new` is what it cost where there was nothing before, `gone` what it had cost; a usage type that
-- is counted in another unit is both. Of the rest `usage` is what more or less use would have made at the list price of before, `rate`
-- what list prices did, `discount` what negotiated prices did against list, and `commitment` what Savings Plans and reservations did
-- against these; of charges that have no use (fees, tax, credits, corrections) all of it is `other`. Cost is effective; what a bill does
-- not state is taken as billed. Months of different length differ by use alone; of one that goes on, what was not charged yet counts as
-- less use, or as gone.
-- Made by `python -m tools.kpi_view` from inputs.cost_drivers, but for which months are compared: change that file.
WITH charges AS (
  SELECT
    month, billing_period, ts, provider, payer, currency, account, service, region, usage_type, unit,
    charge_category = 'Usage' AND charge_class = 'none' AND coalesce(quantity, 0) > 0 AS is_use,
    quantity,
    coalesce(effective_cost, billed_cost) AS cost,
    coalesce(list_cost, contracted_cost, effective_cost, billed_cost) AS list_cost,
    coalesce(contracted_cost, list_cost, effective_cost, billed_cost) AS contracted_cost
  FROM silver.charge_daily
),
monthly AS (
  SELECT
    month, provider, payer, currency, account, service, region, usage_type, unit, is_use,
    sum(CASE WHEN is_use THEN quantity ELSE 0 END) AS quantity,
    sum(cost) AS cost,
    sum(list_cost) AS list_cost,
    sum(contracted_cost) AS contracted_cost
  FROM charges
  GROUP BY month, provider, payer, currency, account, service, region, usage_type, unit, is_use
),
sides AS (
  SELECT
    month, provider, payer, currency, account, service, region, usage_type, unit, is_use,
    1 AS is_now, quantity, cost, list_cost, contracted_cost
  FROM monthly
  UNION ALL
  SELECT
    cast(month + INTERVAL '1' MONTH AS date) AS month, provider, payer, currency, account, service, region, usage_type, unit, is_use,
    0 AS is_now, quantity, cost, list_cost, contracted_cost
  FROM monthly
),
compared AS (
  SELECT
    month, provider, payer, currency, account, service, region, usage_type, unit, is_use,
    max(is_now) AS is_there, min(is_now) = 0 AS was_there,
    max(max(is_now)) OVER (PARTITION BY month, provider, payer, currency) AS has_now,
    min(min(is_now)) OVER (PARTITION BY month, provider, payer, currency) AS lacks_before,
    coalesce(sum(quantity) FILTER (WHERE is_now = 1), 0) AS quantity,
    coalesce(sum(quantity) FILTER (WHERE is_now = 0), 0) AS quantity_before,
    coalesce(sum(cost) FILTER (WHERE is_now = 1), 0) AS cost,
    coalesce(sum(cost) FILTER (WHERE is_now = 0), 0) AS cost_before,
    coalesce(sum(list_cost) FILTER (WHERE is_now = 1), 0) AS list_cost,
    coalesce(sum(list_cost) FILTER (WHERE is_now = 0), 0) AS list_before,
    coalesce(sum(contracted_cost) FILTER (WHERE is_now = 1), 0) AS contracted_cost,
    coalesce(sum(contracted_cost) FILTER (WHERE is_now = 0), 0) AS contracted_before
  FROM sides
  GROUP BY month, provider, payer, currency, account, service, region, usage_type, unit, is_use
),
parted AS (
  SELECT
    month, provider, payer, currency, account, service, region, usage_type, unit, cost, cost_before,
    list_cost, list_before, contracted_cost, contracted_before,
    CASE
      WHEN NOT is_use THEN 'other' WHEN NOT was_there THEN 'new' WHEN is_there = 0 THEN 'gone' ELSE 'both'
    END AS found_in,
    cost - cost_before AS change,
    coalesce(
      try_cast(round(cast(list_before AS double) * (cast(quantity AS double) / nullif(cast(quantity_before AS double), 0e0) - 1e0), 6)
        AS decimal(38, 12)), 0
    ) AS by_use
  FROM compared
  WHERE has_now = 1 AND lacks_before = 0
)
SELECT
  month AS month,
  provider AS provider,
  currency AS currency,
  account AS account,
  service AS service,
  region AS region,
  usage_type AS usage_type,
  unit AS unit,
  sum(cost_before) AS cost_before,
  sum(cost) AS cost,
  sum(change) AS change,
  sum(CASE WHEN found_in = 'both' THEN by_use ELSE 0 END) AS usage,
  sum(CASE WHEN found_in = 'both' THEN list_cost - list_before - by_use ELSE 0 END) AS rate,
  sum(CASE WHEN found_in = 'both' THEN (contracted_cost - list_cost) - (contracted_before - list_before) ELSE 0 END) AS discount,
  sum(CASE WHEN found_in = 'both' THEN (cost - contracted_cost) - (cost_before - contracted_before) ELSE 0 END) AS commitment,
  sum(CASE WHEN found_in = 'new' THEN change ELSE 0 END) AS new,
  sum(CASE WHEN found_in = 'gone' THEN change ELSE 0 END) AS gone,
  sum(CASE WHEN found_in = 'other' THEN change ELSE 0 END) AS other
FROM parted
GROUP BY month, provider, currency, account, service, region, usage_type, unit
