-- inputs.cost_outdated: the days of which silver.cost_daily does not say what silver.charge_daily says now.
--
-- Reads   silver.charge_daily, silver.cost_daily
-- Window  silver.charge_daily always, silver.cost_daily always
--
-- A bill may charge days of any earlier month, and its next execution may take them back, or charge another account: row is held
-- against row. Doubles are compared to the ninth digit.
WITH charged AS (
  SELECT
    source, provider, account, service, region, charge_category, currency, ts,
    cast(sum(lines) AS bigint) AS lines,
    cast(sum(billed_cost) AS double) AS billed,
    cast(CASE WHEN count(effective_cost) > 0 THEN sum(coalesce(effective_cost, billed_cost)) END AS double) AS effective,
    cast(sum(list_cost) AS double) AS list
  FROM silver.charge_daily
  GROUP BY source, provider, account, service, region, charge_category, currency, ts
)
SELECT DISTINCT coalesce(c.ts, p.ts) AS ts
FROM charged AS c
FULL OUTER JOIN silver.cost_daily AS p
  ON p.ts = c.ts AND p.source = c.source AND p.provider = c.provider AND p.account = c.account AND p.service = c.service
  AND p.region = c.region AND p.charge_category = c.charge_category AND p.currency = c.currency
WHERE coalesce(c.lines, 0) <> coalesce(p.lines, 0)
  OR (c.billed IS NULL) <> (p.billed_cost IS NULL) OR abs(c.billed - p.billed_cost) > 1e-9 * abs(c.billed)
  OR (c.effective IS NULL) <> (p.effective_cost IS NULL) OR abs(c.effective - p.effective_cost) > 1e-9 * abs(c.effective)
  OR (c.list IS NULL) <> (p.list_cost IS NULL) OR abs(c.list - p.list_cost) > 1e-9 * abs(c.list)
