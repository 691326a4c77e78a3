-- views.invoice_reconciliation: each invoice against what the bill charges for it, and the difference, whether rounding explains it.
--
-- Reads   silver.invoice
--
-- `month` is the bill's, and its partition. `difference` and `tax_difference` are the invoice less the charges, also where they agree
-- within `tolerance`; of tax that the bill does not have, the whole of it. `state` says what that comes to: agrees, differs, provisional
-- (the invoice is still open, and they differ), not_invoiced (charges without an invoice), no_invoice (charges name one that is not in
-- Invoice Detail), unread (an amount of it cannot be read).
SELECT
  month AS month,
  payer AS payer,
  invoice_id AS invoice_id,
  currency AS currency,
  issuer AS issuer,
  issue_status AS issue_status,
  invoiced_cost AS invoiced_cost,
  charged_cost AS charged_cost,
  invoiced_cost - charged_cost AS difference,
  invoiced_tax AS invoiced_tax,
  charged_tax AS charged_tax,
  invoiced_tax - charged_tax AS tax_difference,
  tolerance AS tolerance,
  state AS state
FROM silver.invoice
