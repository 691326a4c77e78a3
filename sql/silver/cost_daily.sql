-- silver.cost_daily: cost by day, account, service, region and charge category.
--
-- Reads   silver.charge_daily
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  silver.charge_daily always
--
-- A bill may charge days of any earlier month, so that its period bounds nothing. Sums are exact decimals before they become
-- doubles. Effective cost is for trends, billed cost for the invoice; a missing effective or list cost stays null rather than
-- becoming zero, and where only some charges of a row state effective cost, the others count as billed.
SELECT
  source AS source,
  provider AS provider,
  account AS account,
  service AS service,
  region AS region,
  charge_category AS charge_category,
  currency AS currency,
  ts AS ts,
  cast(sum(billed_cost) AS double) AS billed_cost,
  cast(CASE WHEN count(effective_cost) > 0 THEN sum(coalesce(effective_cost, billed_cost)) END AS double) AS effective_cost,
  cast(sum(list_cost) AS double) AS list_cost,
  cast(sum(lines) AS bigint) AS lines
FROM silver.charge_daily
WHERE ts >= :start AND ts < :end
GROUP BY source, provider, account, service, region, charge_category, currency, ts
