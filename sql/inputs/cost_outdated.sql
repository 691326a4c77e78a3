-- inputs.cost_outdated: the days of which silver.cost_daily does not say what silver.charge_daily says now.
--
-- Reads   silver.charge_daily, silver.cost_daily
-- Window  silver.charge_daily always, silver.cost_daily always
--
-- A bill may charge days of any earlier month, and its next execution may take them back. Sums of doubles are compared to the sixth
-- digit.
WITH charged AS (
  SELECT ts, cast(sum(lines) AS bigint) AS lines, cast(sum(billed_cost) AS double) AS billed, cast(sum(effective_cost) AS double) AS effective
  FROM silver.charge_daily
  GROUP BY ts
),
published AS (
  SELECT ts, cast(sum(lines) AS bigint) AS lines, sum(billed_usd) AS billed, sum(effective_usd) AS effective
  FROM silver.cost_daily
  GROUP BY ts
)
SELECT coalesce(c.ts, p.ts) AS ts
FROM charged AS c
FULL OUTER JOIN published AS p ON p.ts = c.ts
WHERE coalesce(c.lines, 0) <> coalesce(p.lines, 0)
  OR abs(coalesce(c.billed, 0e0) - coalesce(p.billed, 0e0)) > 1e-6 * (1e0 + abs(coalesce(c.billed, 0e0)))
  OR abs(coalesce(c.effective, 0e0) - coalesce(p.effective, 0e0)) > 1e-6 * (1e0 + abs(coalesce(c.effective, 0e0)))
