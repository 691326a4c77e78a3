-- inputs.cost_complete: the last day of each bill that is complete.
--
-- Reads   silver.bill
-- Params  :since, :as_of   billing periods that begin in between, UTC, half-open
-- Window  0 days
--
-- Usage is delivered up to a day late: a day is complete where its bill was landed a day and more after it ended.
SELECT
  b.source AS source,
  b.provider AS provider,
  b.payer AS payer,
  max(least(b.complete_through, date_trunc('day', b.ingested_at - INTERVAL '2' DAY))) AS complete_through
FROM silver.bill AS b
WHERE b.month >= cast(date_trunc('month', :since) AS date) AND b.billing_period >= :since AND b.billing_period < :as_of
  AND b.superseded_by IS NULL AND b.complete_through IS NOT NULL
GROUP BY b.source, b.provider, b.payer
