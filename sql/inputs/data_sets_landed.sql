-- inputs.data_sets_landed: when FOCUS's data sets beside bills were last landed of each billing period.
--
-- Reads   bronze.billing_period, bronze.invoice_detail
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
SELECT 'bronze.billing_period' AS table_name, billing_period AS billing_period, max(ingested_at) AS landed_at
FROM bronze.billing_period
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND billing_period >= :start AND billing_period < :end
GROUP BY billing_period
UNION ALL
SELECT 'bronze.invoice_detail' AS table_name, billing_period AS billing_period, max(ingested_at) AS landed_at
FROM bronze.invoice_detail
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND billing_period >= :start AND billing_period < :end
GROUP BY billing_period
ORDER BY table_name, billing_period
