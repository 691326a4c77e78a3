-- inputs.unit_list_prices: what a unit of some usage types was charged at list price by the day, whoever it was charged to.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
--         :usage_types     their names, a `|` before and behind each
-- Window  31 days
--
-- The names of usage types say the region.
WITH charged AS (
  SELECT currency, usage_type, ts, sum(coalesce(list_cost, contracted_cost)) AS list_cost, sum(quantity) AS quantity
  FROM silver.charge_daily
  WHERE ts >= :since AND ts < :as_of
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(date_trunc('month', :since - INTERVAL '31' DAY) AS date)
    AND charge_category = 'Usage' AND charge_class = 'none' AND quantity > 0 AND coalesce(list_cost, contracted_cost) > 0
    AND (commitment_id = 'none' OR pricing_category = 'Committed') AND resource_id <> commitment_id
    AND strpos(:usage_types, concat('|', usage_type, '|')) > 0
  GROUP BY currency, usage_type, ts
)
SELECT
  currency AS currency,
  usage_type AS usage_type,
  ts AS ts,
  cast(list_cost AS double) / nullif(cast(quantity AS double), 0e0) AS list_price
FROM charged
ORDER BY currency, usage_type, ts
