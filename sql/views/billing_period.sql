-- views.billing_period: whether an issuer says that a billing period is closed, by the newest landing of the data set Billing Period.
--
-- Reads   bronze.billing_period
--
-- `closed_at` is when it was first landed that it is closed, after the last landing that said otherwise; null while it is open. That is
-- our clock, not the issuer's: of two landings of a bill, one that came after it changes a closed period. A landing that says both,
-- of two periods that begin in one month, does not say that it is closed.
WITH said AS (
  SELECT
    day, billing_period, nullif(nullif(trim(invoice_issuer_name), 'NULL'), '') AS issuer, ingested_at,
    CASE WHEN lower(trim(billing_period_status)) = 'closed' THEN 1 ELSE 0 END AS is_closed
  FROM bronze.billing_period
),
opened AS (
  SELECT
    day, billing_period, issuer, ingested_at, is_closed,
    max(CASE WHEN is_closed = 0 THEN ingested_at END) OVER (PARTITION BY day, billing_period, issuer) AS last_open_at
  FROM said
  WHERE issuer IS NOT NULL
)
SELECT
  day AS day,
  billing_period AS billing_period,
  issuer AS issuer,
  min(CASE WHEN is_closed = 1 AND (last_open_at IS NULL OR ingested_at > last_open_at) THEN ingested_at END) AS closed_at
FROM opened
GROUP BY day, billing_period, issuer
