-- alerts.source_silent: a source that has delivered so far delivered nothing
--
-- Reads   bronze.run_event, gold.run_stat
-- Params  :as_of, :end   end of the run's data interval
-- Window  0 days, gold.run_stat 400 days
-- Severity  critical
-- Means   What the source tells of is not known for these days: nothing of it is forecast, judged or found.
-- Do      Ask it by hand (`python -m pipeline sources show`, `ingest --source`); mend it, then run these days again.
--
-- It has delivered so far where more than half of its runs in the week before had rows, or of those in the week up to the last that
-- had any: a source that stays silent is no less silent. Of one that answers four runs tell so, for a bill that was landed before has
-- no rows until it changes. A source that failed delivered nothing; one whose bills are landed each by itself, `<source> <YYYY-MM>`,
-- delivered what they have together, and how that went counts until the whole source is asked again.
WITH ranked AS (
  SELECT
    split_part(target, ' ', 1) AS source, target, rows, outcome, ingested_at,
    max(CASE WHEN strpos(target, ' ') = 0 THEN ingested_at END) OVER (PARTITION BY split_part(target, ' ', 1)) AS whole_at,
    row_number() OVER (PARTITION BY target ORDER BY ingested_at DESC, load_id DESC) AS recency
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end AND start_at <= ts - INTERVAL '1' DAY AND step = 'ingest'
),
latest AS (
  SELECT
    source, sum(rows) AS rows,
    count(CASE WHEN outcome = 'failed' AND (target = source OR whole_at IS NULL OR ingested_at > whole_at) THEN 1 END) > 0 AS has_failed
  FROM ranked
  WHERE recency = 1
  GROUP BY source
),
delivered AS (
  SELECT split_part(target, ' ', 1) AS source, as_of, start_at, sum(rows) AS rows
  FROM gold.run_stat
  WHERE as_of >= cast(:as_of AS timestamp) - INTERVAL '400' DAY AND as_of < :as_of AND step = 'ingest'
  GROUP BY split_part(target, ' ', 1), as_of, start_at
),
past AS (
  SELECT
    source, rows, as_of, max(CASE WHEN rows > 0 THEN as_of END) OVER (PARTITION BY source) AS last_at,
    as_of >= cast(:as_of AS timestamp) - INTERVAL '7' DAY AS is_recent
  FROM delivered
),
habit AS (
  SELECT
    source, max(last_at) AS last_at,
    count(CASE WHEN is_recent THEN 1 END) AS runs,
    count(CASE WHEN is_recent AND rows > 0 THEN 1 END) AS delivering,
    count(CASE WHEN as_of > last_at - INTERVAL '7' DAY AND as_of <= last_at THEN 1 END) AS runs_then,
    count(CASE WHEN as_of > last_at - INTERVAL '7' DAY AND as_of <= last_at AND rows > 0 THEN 1 END) AS delivering_then
  FROM past
  GROUP BY source
)
SELECT
  concat('source ', l.source) AS subject,
  'delivery' AS cause,
  'critical' AS severity,
  h.last_at AS since,
  0e0 AS observed,
  cast(NULL AS double) AS expected,
  'rows' AS measured_in,
  CASE WHEN l.has_failed THEN 'The step ingest failed.' ELSE 'It answered, and had nothing for these days.' END AS detail,
  cast(NULL AS varchar) AS depends_on
FROM latest AS l
JOIN habit AS h ON h.source = l.source
WHERE l.rows = 0
  AND ((2 * h.delivering > h.runs AND (h.runs >= 4 OR l.has_failed)) OR (h.delivering_then >= 4 AND 2 * h.delivering_then > h.runs_then))
