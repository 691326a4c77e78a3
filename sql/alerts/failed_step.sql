-- alerts.failed_step: a step of the run failed
--
-- Reads   bronze.run_event
-- Params  :end   end of the run's data interval
-- Window  0 days
-- Severity  critical, warning
-- Means   What the step makes was not published and readers see the last good rows; a warning: of some segments only.
-- Do      Read the log of the step's task (`python -m pipeline <step> --day …` says the same); mend it and run the day again.
--
-- Each step and what it worked on counts at its latest execution, whatever its shard: the worst of them.
WITH latest AS (
  SELECT
    step, target, outcome, ts,
    row_number() OVER (PARTITION BY step, target, shard ORDER BY ingested_at DESC, load_id DESC) AS recency
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end
)
SELECT
  CASE WHEN target = step THEN concat('step ', step) ELSE concat('step ', step, ' ', target) END AS subject,
  'run' AS cause,
  CASE WHEN count(CASE WHEN outcome = 'failed' THEN 1 END) > 0 THEN 'critical' ELSE 'warning' END AS severity,
  max(ts) AS since,
  cast(count(*) AS double) AS observed,
  0e0 AS expected,
  'shards' AS measured_in,
  cast(NULL AS varchar) AS detail,
  CASE WHEN step = 'ingest' THEN concat('source ', target) END AS depends_on
FROM latest
WHERE recency = 1 AND outcome IN ('failed', 'partial')
GROUP BY step, target
