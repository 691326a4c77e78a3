-- inputs.sources: where the rows of a run came from: how many of each source and table, from when to when.
--
-- Reads   bronze.metric_sample, bronze.resource_snapshot, bronze.billing_line, silver.price
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, silver.price always
--
-- Rows of bronze are counted as they landed, restated ones twice. Of prices all that were known at the end count: they hold until
-- the next.
SELECT source AS source, 'bronze.metric_sample' AS table_name, count(*) AS rows, min(ts) AS first_at, max(ts) AS last_at
FROM bronze.metric_sample
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
GROUP BY source
UNION ALL
SELECT source AS source, 'bronze.resource_snapshot' AS table_name, count(*) AS rows, min(ts) AS first_at, max(ts) AS last_at
FROM bronze.resource_snapshot
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
GROUP BY source
UNION ALL
SELECT source AS source, 'bronze.billing_line' AS table_name, count(*) AS rows, min(ts) AS first_at, max(ts) AS last_at
FROM bronze.billing_line
WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
GROUP BY source
UNION ALL
SELECT source AS source, 'silver.price' AS table_name, count(*) AS rows, min(ts) AS first_at, max(ts) AS last_at
FROM silver.price
WHERE ts < :end
GROUP BY source
