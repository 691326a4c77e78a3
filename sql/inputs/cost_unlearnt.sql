-- inputs.cost_unlearnt: what bills had said of charges at a moment, less what they say now, where they say otherwise since.
--
-- Reads   views.billing_charge, views.bill_load, silver.bill
-- Params  :start, :end   whole months, UTC, half-open: billing periods
--         :as_of         days before it, UTC, as they were known then
-- Window  0 days
--
-- Added to the rows of `inputs.cost_charges` it gives what they had been. Of an export that counts, the newest landing before the
-- moment stands in for the newest; where there is none, nothing was said before, and what is said now counts. Charges are summed as
-- `silver.charge_daily` has them, for effective cost that is missing there is what is billed.
WITH counted AS (
  SELECT source, export, billing_period, provider, payer, load_id, ingested_at, effective_cost
  FROM silver.bill
  WHERE superseded_by IS NULL AND ingested_at >= :as_of AND billing_period >= :start AND billing_period < :end
),
earlier AS (
  SELECT
    source, export, billing_period, load_id, ingested_at,
    row_number() OVER (PARTITION BY source, export, billing_period ORDER BY recency) AS place
  FROM views.bill_load
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND billing_period >= :start AND billing_period < :end
    AND ingested_at < :as_of
),
side AS (
  SELECT c.provider, c.payer, c.effective_cost, c.billing_period, e.load_id, e.ingested_at, 1 AS factor
  FROM counted AS c
  INNER JOIN earlier AS e
    ON e.source = c.source AND e.export = c.export AND e.billing_period = c.billing_period AND e.place = 1
  UNION ALL
  SELECT c.provider, c.payer, c.effective_cost, c.billing_period, c.load_id, c.ingested_at, -1 AS factor
  FROM counted AS c
  INNER JOIN earlier AS e
    ON e.source = c.source AND e.export = c.export AND e.billing_period = c.billing_period AND e.place = 1
),
charge AS (
  SELECT
    s.factor, c.source, c.provider, c.payer, c.currency, date_trunc('day', c.ts) AS ts, c.account, c.service, c.region, c.usage_type,
    c.resource_id, c.charge_category, c.charge_class, c.pricing_category, c.commitment_id, c.tag_set, c.unit,
    sum(c.billed_cost) AS billed,
    sum(CASE WHEN s.effective_cost IS NOT NULL THEN c.effective_cost END) AS effective
  FROM side AS s
  INNER JOIN views.billing_charge AS c
    ON c.load_id = s.load_id AND c.ingested_at = s.ingested_at AND c.billing_period = s.billing_period
    AND c.provider = s.provider AND c.payer = s.payer
  WHERE c.rule IS NULL AND c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
    AND c.billing_period >= :start AND c.billing_period < :end AND c.ts < :as_of
  GROUP BY
    s.factor, c.source, c.provider, c.payer, c.currency, date_trunc('day', c.ts), c.account, c.service, c.region, c.usage_type,
    c.resource_id, c.charge_category, c.charge_class, c.pricing_category, c.commitment_id, c.tag_set, c.unit
),
signed AS (
  SELECT
    provider, account, service, currency, ts,
    CASE
      WHEN charge_class = 'Correction' THEN 'correction'
      WHEN charge_category IN ('Usage', 'Purchase', 'Tax', 'Credit') THEN lower(charge_category)
      ELSE 'correction'
    END AS category,
    CASE
      WHEN charge_class = 'Correction' THEN lower(charge_category)
      WHEN charge_category = 'Purchase' THEN concat_ws('/', usage_type, commitment_id)
      ELSE ''
    END AS item,
    CASE WHEN factor > 0 THEN billed ELSE -billed END AS billed,
    CASE WHEN factor > 0 THEN coalesce(effective, billed) ELSE -coalesce(effective, billed) END AS effective
  FROM charge
)
SELECT
  s.provider AS provider,
  s.account AS account,
  s.service AS service,
  s.currency AS currency,
  s.category AS category,
  s.item AS item,
  s.ts AS ts,
  sum(s.billed) AS billed,
  sum(s.effective) AS effective
FROM signed AS s
GROUP BY s.provider, s.account, s.service, s.currency, s.category, s.item, s.ts
HAVING sum(s.billed) <> 0 OR sum(s.effective) <> 0
ORDER BY s.provider, s.account, s.service, s.currency, s.category, s.item, s.ts
