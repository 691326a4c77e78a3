-- inputs.sources: where the rows of a run came from: how many of each source and table, from when to when.
--
-- Reads   bronze.metric_sample, bronze.resource_snapshot, bronze.focus_line, bronze.cur_line, silver.price
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, bronze.focus_line 31 days, bronze.cur_line 31 days, silver.price always
--
-- Rows of bronze are counted as they landed, restated ones twice; lines of bills that charge a moment of the interval. Of prices all that were known at the end count: they hold until
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
SELECT source AS source, 'bronze.focus_line' AS table_name, count(*) AS rows, min(charge_start) AS first_at, max(charge_start) AS last_at
FROM bronze.focus_line
WHERE day >= cast(date_trunc('month', :start) AS date) AND day <= cast(:end AS date) AND charge_start >= :start AND charge_start < :end
GROUP BY source
UNION ALL
SELECT source AS source, 'bronze.cur_line' AS table_name, count(*) AS rows, min(charge_start) AS first_at, max(charge_start) AS last_at
FROM bronze.cur_line
WHERE day >= cast(date_trunc('month', :start) AS date) AND day <= cast(:end AS date) AND charge_start >= :start AND charge_start < :end
GROUP BY source
UNION ALL
SELECT source AS source, 'silver.price' AS table_name, count(*) AS rows, min(ts) AS first_at, max(ts) AS last_at
FROM silver.price
WHERE ts < :end
GROUP BY source
