-- inputs.cost_drivers: why each service costs more or less in one period than in another, in parts that sum to the change exactly.
--
-- Reads   silver.charge_daily
-- Params  :before_start, :before_end, :after_start, :after_end   what is compared, UTC, half-open
--         :by_bill   1 compares the bills of whole months, as invoiced; 0 the days of charges, whichever bill has them
--         :as_of   bills of periods that begin before it, none of the four later
-- Window  31 days
--
-- The parts are those of views.cost_drivers_monthly, which is made from this file; `month` is the newer period's first day. What a
-- provider charges a payer in a currency in one of the periods alone is not compared.
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
sides AS (
  SELECT
    cast(:after_start AS date) AS month, provider, payer, currency, account, service, region, usage_type, unit, is_use,
    CASE WHEN CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END >= :after_start
      AND CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END < :after_end THEN 1 ELSE 0 END AS is_now,
    CASE WHEN is_use THEN quantity ELSE 0 END AS quantity, cost, list_cost, contracted_cost
  FROM charges
  WHERE month >= cast(date_trunc('month', least(:before_start, :after_start) - INTERVAL '31' DAY) AS date)
    AND billing_period >= least(:before_start, :after_start) - INTERVAL '31' DAY AND billing_period < :as_of
    AND (
      (CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END >= :before_start
        AND CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END < :before_end)
      OR (CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END >= :after_start
        AND CASE WHEN :by_bill = 1 THEN billing_period ELSE ts END < :after_end)
    )
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
ORDER BY month, provider, currency, account, service, region, usage_type, unit
