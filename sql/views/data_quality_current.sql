-- views.data_quality_current: how each table stood the checks of the newest run that checked it.
--
-- Reads   gold.quality_result
--
-- `score` is the lowest share of rows in order over the table's checks. A failed critical check stopped a write: the table still
-- shows what was published before.
WITH newest AS (
  SELECT table_name, max(as_of) AS as_of FROM gold.quality_result GROUP BY table_name
)
SELECT
  q.table_name AS table_name,
  q.as_of AS as_of,
  count(*) AS checks,
  count(*) FILTER (WHERE NOT q.success) AS failed,
  count(*) FILTER (WHERE NOT q.success AND q.severity = 'critical') AS failed_critical,
  cast(sum(q.failed_rows) AS bigint) AS failed_rows,
  min(q.score) AS score,
  CASE
    WHEN count(*) FILTER (WHERE NOT q.success AND q.severity = 'critical') > 0 THEN 'critical'
    WHEN count(*) FILTER (WHERE NOT q.success) > 0 THEN 'warning'
    ELSE 'good'
  END AS status,
  max(q.rule) FILTER (WHERE NOT q.success) AS a_failed_rule,
  max(q.note) FILTER (WHERE NOT q.success) AS a_note
FROM gold.quality_result AS q
JOIN newest AS n ON n.table_name = q.table_name AND n.as_of = q.as_of
GROUP BY q.table_name, q.as_of
