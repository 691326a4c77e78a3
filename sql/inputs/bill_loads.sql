-- inputs.bill_loads: what the newest landing of each export and billing period says, by provider and payer.
--
-- Reads   views.billing_charge, views.bill_load, views.billing_period
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- Sums are of the lines that count, in the billing currency, of which `currencies` says how many there are. Files of one
-- execution may have their columns in another order: one of them stands for all. A bill of which usage costs something, and that says
-- zero of the effective cost of everything, does not state it: there are exports that fill the column so. Its period is said to be
-- closed where it is of every issuer of its lines.
SELECT
  c.source AS source,
  c.export AS export,
  c.billing_period AS billing_period,
  c.provider AS provider,
  c.payer AS payer,
  c.format AS format,
  c.execution AS execution,
  c.load_id AS load_id,
  c.ingested_at AS ingested_at,
  c.sequence AS sequence,
  c.files AS files,
  max(c.schema_hash) AS schema_hash,
  count(*) AS lines,
  count(*) FILTER (WHERE c.rule IS NOT NULL) AS lines_refused,
  coalesce(sum(c.billed_cost) FILTER (WHERE c.rule IS NOT NULL AND abs(c.billed_cost) < 1000000000), cast(0 AS decimal(38, 12))) AS refused_cost,
  max(c.currency) FILTER (WHERE c.rule IS NULL) AS currency,
  count(DISTINCT CASE WHEN c.rule IS NULL THEN c.currency END) AS currencies,
  sum(c.billed_cost) FILTER (WHERE c.rule IS NULL) AS billed_cost,
  CASE
    WHEN max(abs(c.effective_cost)) FILTER (WHERE c.rule IS NULL) > 0
      OR coalesce(max(abs(c.billed_cost)) FILTER (WHERE c.rule IS NULL AND c.charge_category = 'Usage'), 0) = 0
    THEN sum(c.effective_cost) FILTER (WHERE c.rule IS NULL)
  END AS effective_cost,
  sum(c.list_cost) FILTER (WHERE c.rule IS NULL) AS list_cost,
  sum(c.contracted_cost) FILTER (WHERE c.rule IS NULL) AS contracted_cost,
  count(*) FILTER (WHERE c.invoice_id IS NULL) AS uninvoiced_lines,
  CASE WHEN count(*) = count(p.closed_at) THEN max(p.closed_at) END AS said_closed_at,
  max(date_trunc('day', c.ts)) FILTER (WHERE c.rule IS NULL AND c.charge_category = 'Usage') AS complete_through
FROM views.billing_charge AS c
INNER JOIN views.bill_load AS l
  ON l.load_id = c.load_id AND l.ingested_at = c.ingested_at AND l.billing_period = c.billing_period AND l.recency = 1
LEFT JOIN views.billing_period AS p
  ON p.day = c.day AND p.billing_period = c.billing_period AND p.issuer = c.issuer
WHERE c.day >= cast(:start AS date) AND c.day <= cast(:end AS date) AND c.billing_period >= :start AND c.billing_period < :end
  AND l.day >= cast(:start AS date) AND l.day <= cast(:end AS date)
GROUP BY
  c.source, c.export, c.billing_period, c.provider, c.payer, c.format, c.execution, c.load_id, c.ingested_at, c.sequence, c.files
