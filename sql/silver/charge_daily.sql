-- silver.charge_daily: what each resource, usage, commitment and set of tags was charged on each day, of the exports that count.
--
-- Reads   views.billing_charge, silver.bill
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- A billing period is replaced whole: its bill may charge days of an earlier month. Sums are exact decimals; an effective, list or
-- contracted cost that is missing stays null rather than becoming zero. Of a bill that states no effective cost, which `silver.bill`
-- says, zeros are not one.
SELECT
  c.billing_period AS billing_period,
  c.source AS source,
  c.provider AS provider,
  c.payer AS payer,
  c.currency AS currency,
  date_trunc('day', c.ts) AS ts,
  c.account AS account,
  c.service AS service,
  c.region AS region,
  c.usage_type AS usage_type,
  c.resource_id AS resource_id,
  c.charge_category AS charge_category,
  c.charge_class AS charge_class,
  c.pricing_category AS pricing_category,
  c.commitment_id AS commitment_id,
  coalesce(c.tag_set, 'none') AS tag_set,
  c.unit AS unit,
  sum(c.quantity) AS quantity,
  sum(c.billed_cost) AS billed_cost,
  sum(CASE WHEN b.effective_cost IS NOT NULL THEN c.effective_cost END) AS effective_cost,
  sum(c.list_cost) AS list_cost,
  sum(c.contracted_cost) AS contracted_cost,
  count(*) AS lines
FROM views.billing_charge AS c
INNER JOIN silver.bill AS b
  ON b.load_id = c.load_id AND b.ingested_at = c.ingested_at AND b.provider = c.provider AND b.payer = c.payer
WHERE c.rule IS NULL
  AND b.superseded_by IS NULL
  AND b.billing_period >= :start AND b.billing_period < :end
  AND c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
  AND c.billing_period >= :start AND c.billing_period < :end
GROUP BY
  c.billing_period, c.source, c.provider, c.payer, c.currency, date_trunc('day', c.ts), c.account, c.service, c.region, c.usage_type,
  c.resource_id, c.charge_category, c.charge_class, c.pricing_category, c.commitment_id, coalesce(c.tag_set, 'none'), c.unit
