-- silver.invoice: each invoice of a payer beside the charges that name it, where the data set Invoice Detail was landed.
--
-- Reads   bronze.invoice_detail, views.billing_charge, silver.bill
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- The newest landing of each export counts, and of exports that have one invoice the one landed last. An invoice that was voided owes
-- nothing. Where a line says no status that FOCUS knows, none is said of the invoice, unless another line says that it is open. Charges
-- are those of silver.charge_daily, found by payer, invoice and currency within the billing period; the issuer's name is not compared,
-- for exports spell it differently. Of payers of which no invoice was landed nothing is said.
--
-- FOCUS 1.4 lets the two differ by what rounding explains, the greater of 100 subunits of the currency and half of one for the root of
-- the number of charges; tax may be on the invoice alone, and is compared where the bill has it too. The root is taken to the hundredth
-- of a subunit.
WITH line AS (
  SELECT
    billing_period, source, export, ingested_at,
    coalesce(nullif(nullif(trim(billing_account_id), 'NULL'), ''), 'none') AS payer,
    nullif(nullif(trim(invoice_issuer_name), 'NULL'), '') AS issuer,
    coalesce(nullif(nullif(trim(invoice_id), 'NULL'), ''), 'none') AS invoice_id,
    CASE WHEN regexp_like(billing_currency, '^[A-Z]{3}\z') THEN billing_currency ELSE 'none' END AS currency,
    lower(trim(coalesce(invoice_issue_status, ''))) AS said,
    CASE WHEN trim(charge_category) = 'Tax' THEN 1 ELSE 0 END AS is_tax,
    regexp_replace(billed_cost, '^[ \t\r\n]+|[ \t\r\n]+\z', '') AS amount,
    dense_rank() OVER (
      PARTITION BY day, source, export, billing_period ORDER BY coalesce(sequence, 0) DESC, ingested_at DESC, load_id DESC
    ) AS recency
  FROM bronze.invoice_detail
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND billing_period >= :start AND billing_period < :end
),
number AS (
  SELECT
    billing_period, payer, issuer, invoice_id, currency, said, is_tax,
    CASE WHEN regexp_like(amount, '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?\z') THEN amount END AS number,
    dense_rank() OVER (
      PARTITION BY billing_period, payer, issuer, invoice_id ORDER BY ingested_at DESC, source DESC, export DESC
    ) AS choice
  FROM line
  WHERE recency = 1
),
detail AS (
  SELECT
    billing_period, payer, issuer, invoice_id, currency, said, is_tax,
    CASE WHEN abs(try_cast(number AS decimal(38, 12))) < 1000000000 THEN try_cast(number AS decimal(38, 12)) END AS amount
  FROM number
  WHERE choice = 1
),
invoiced AS (
  SELECT
    billing_period, payer, invoice_id, currency,
    max(issuer) AS issuer,
    CASE
      WHEN count(*) FILTER (WHERE said = 'open') > 0 THEN 'Open'
      WHEN count(*) FILTER (WHERE said NOT IN ('issued', 'voided')) > 0 THEN NULL
      WHEN count(*) FILTER (WHERE said <> 'voided') = 0 THEN 'Voided'
      ELSE 'Issued'
    END AS issue_status,
    count(*) AS lines,
    count(*) FILTER (WHERE amount IS NULL OR currency = 'none') AS unread_lines,
    coalesce(sum(amount) FILTER (WHERE is_tax = 0 AND said <> 'voided'), cast(0 AS decimal(38, 12))) AS cost,
    coalesce(sum(amount) FILTER (WHERE is_tax = 1 AND said <> 'voided'), cast(0 AS decimal(38, 12))) AS tax
  FROM detail
  GROUP BY billing_period, payer, invoice_id, currency
),
told AS (
  SELECT billing_period, payer
  FROM invoiced
  GROUP BY billing_period, payer
),
charged AS (
  SELECT
    c.billing_period, c.payer, coalesce(c.invoice_id, 'none') AS invoice_id, c.currency,
    count(*) FILTER (WHERE c.charge_category <> 'Tax') AS lines,
    count(*) FILTER (WHERE c.charge_category = 'Tax') AS tax_lines,
    coalesce(sum(c.billed_cost) FILTER (WHERE c.charge_category <> 'Tax'), cast(0 AS decimal(38, 12))) AS cost,
    coalesce(sum(c.billed_cost) FILTER (WHERE c.charge_category = 'Tax'), cast(0 AS decimal(38, 12))) AS tax
  FROM views.billing_charge AS c
  INNER JOIN silver.bill AS b
    ON b.load_id = c.load_id AND b.ingested_at = c.ingested_at AND b.provider = c.provider AND b.payer = c.payer
  INNER JOIN told AS t
    ON t.billing_period = c.billing_period AND t.payer = c.payer
  WHERE c.rule IS NULL
    AND b.superseded_by IS NULL
    AND b.billing_period >= :start AND b.billing_period < :end
    AND c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
    AND c.billing_period >= :start AND c.billing_period < :end
  GROUP BY c.billing_period, c.payer, coalesce(c.invoice_id, 'none'), c.currency
),
beside AS (
  SELECT
    coalesce(i.billing_period, c.billing_period) AS billing_period,
    coalesce(i.payer, c.payer) AS payer,
    coalesce(i.invoice_id, c.invoice_id) AS invoice_id,
    coalesce(i.currency, c.currency) AS currency,
    i.issuer, i.issue_status,
    coalesce(c.lines, 0) AS charged_lines,
    coalesce(c.tax_lines, 0) AS charged_tax_lines,
    coalesce(c.cost, cast(0 AS decimal(38, 12))) AS charged_cost,
    coalesce(c.tax, cast(0 AS decimal(38, 12))) AS charged_tax,
    coalesce(i.lines, 0) AS invoice_lines,
    coalesce(i.unread_lines, 0) AS unread_lines,
    coalesce(i.cost, cast(0 AS decimal(38, 12))) AS invoiced_cost,
    coalesce(i.tax, cast(0 AS decimal(38, 12))) AS invoiced_tax
  FROM invoiced AS i
  FULL OUTER JOIN charged AS c
    ON c.billing_period = i.billing_period AND c.payer = i.payer AND c.invoice_id = i.invoice_id AND c.currency = i.currency
),
rounded AS (
  SELECT
    billing_period, payer, invoice_id, currency, issuer, issue_status, charged_lines, charged_tax_lines, charged_cost, charged_tax,
    invoice_lines, unread_lines, invoiced_cost, invoiced_tax,
    greatest(10000, cast(round(sqrt(cast(charged_lines AS double)) * 50) AS bigint)) AS hundredths,
    CASE
      WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF')
        THEN cast('0.01' AS decimal(6, 5))
      WHEN currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN cast('0.00001' AS decimal(6, 5))
      ELSE cast('0.0001' AS decimal(6, 5))
    END AS hundredth
  FROM beside
),
judged AS (
  SELECT
    billing_period, payer, invoice_id, currency, issuer, issue_status, charged_lines, charged_tax_lines, charged_cost, charged_tax,
    invoice_lines, unread_lines, invoiced_cost, invoiced_tax,
    cast(cast(hundredths AS decimal(18, 0)) * hundredth AS decimal(38, 12)) AS tolerance
  FROM rounded
)
SELECT
  billing_period AS billing_period,
  payer AS payer,
  invoice_id AS invoice_id,
  currency AS currency,
  issuer AS issuer,
  issue_status AS issue_status,
  charged_lines AS charged_lines,
  charged_tax_lines AS charged_tax_lines,
  charged_cost AS charged_cost,
  charged_tax AS charged_tax,
  invoice_lines AS invoice_lines,
  unread_lines AS unread_lines,
  invoiced_cost AS invoiced_cost,
  invoiced_tax AS invoiced_tax,
  tolerance AS tolerance,
  CASE
    WHEN unread_lines > 0 THEN 'unread'
    WHEN invoice_lines = 0 AND invoice_id = 'none' THEN 'not_invoiced'
    WHEN invoice_lines = 0 THEN 'no_invoice'
    WHEN abs(invoiced_cost - charged_cost) <= tolerance
      AND (charged_tax_lines = 0 OR abs(invoiced_tax - charged_tax) <= tolerance) THEN 'agrees'
    WHEN issue_status = 'Open' THEN 'provisional'
    ELSE 'differs'
  END AS state
FROM judged
