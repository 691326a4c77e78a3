-- views.bill_load: every landing of an export's billing period, the newest first.
--
-- Reads   bronze.focus_line, bronze.cur_line
--
-- `recency` is 1 for the landing that says what the export says now; the lines of older ones stay in bronze and count no more. A
-- landing that was cut short lies there twice, and its later rows count. An export that became one of the other family has landings in
-- both tables, each with numbers of its own: the table of the latest counts.
WITH line AS (
  SELECT 'bronze.focus_line' AS table_name, day, source, export, billing_period, load_id, ingested_at, sequence
  FROM bronze.focus_line
  UNION ALL
  SELECT 'bronze.cur_line' AS table_name, day, source, export, billing_period, load_id, ingested_at, sequence
  FROM bronze.cur_line
),
landed AS (
  SELECT
    table_name, day, source, export, billing_period, load_id, ingested_at, sequence, count(*) AS lines,
    max(max(ingested_at)) OVER (PARTITION BY table_name, day, source, export, billing_period) AS latest
  FROM line
  GROUP BY table_name, day, source, export, billing_period, load_id, ingested_at, sequence
)
SELECT
  table_name AS table_name,
  day AS day,
  source AS source,
  export AS export,
  billing_period AS billing_period,
  load_id AS load_id,
  ingested_at AS ingested_at,
  sequence AS sequence,
  lines AS lines,
  row_number() OVER (
    PARTITION BY day, source, export, billing_period
    ORDER BY latest DESC, table_name DESC, coalesce(sequence, 0) DESC, ingested_at DESC, load_id DESC
  ) AS recency
FROM landed
