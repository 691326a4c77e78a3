-- alerts.failed_step: a step of the run failed
--
-- Reads   bronze.run_event
-- Params  :end   end of the run's data interval
-- Window  0 days
-- Severity  critical, warning
-- Means   What the step makes was not published and readers see the last good rows; a warning: of some segments only.
-- Do      Read the log of the step's task (`python -m pipeline <step> --day …` says the same); mend it and run the day again.
--
-- Each step and what it worked on counts at its latest execution, whatever its shard: the worst of them. Of the run are the steps that
-- come before this question: not the one that asks it, which a second try would find failed, nor what somebody typed besides. A bill
-- that was landed by itself, `<source> <YYYY-MM>`, counts until the whole source is asked again.
WITH latest AS (
  SELECT
    step, target, outcome, ts, ingested_at,
    split_part(target, ' ', 1) AS source,
    max(CASE WHEN strpos(target, ' ') = 0 THEN ingested_at END) OVER (PARTITION BY step, split_part(target, ' ', 1)) AS whole_at,
    row_number() OVER (PARTITION BY step, target, shard ORDER BY ingested_at DESC, load_id DESC) AS recency
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end AND start_at <= ts - INTERVAL '1' DAY
    AND step NOT IN ('alert', 'report', 'status', 'bill_stated', 'due', 'train', 'train_detectors', 'register', 'record', 'promote',
      'maintain')
),
counted AS (
  SELECT
    step, target, source, max(ts) AS since, count(*) AS shards, count(CASE WHEN outcome = 'failed' THEN 1 END) AS failed,
    count(CASE WHEN outcome IN ('failed', 'partial') THEN 1 END) AS incomplete
  FROM latest
  WHERE recency = 1 AND (target = source OR whole_at IS NULL OR ingested_at > whole_at)
  GROUP BY step, target, source
)
SELECT
  CASE WHEN target = step THEN concat('step ', step) ELSE concat('step ', step, ' ', target) END AS subject,
  'run' AS cause,
  CASE WHEN failed > 0 THEN 'critical' ELSE 'warning' END AS severity,
  since AS since,
  cast(NULL AS double) AS observed,
  cast(NULL AS double) AS expected,
  cast(NULL AS varchar) AS measured_in,
  CASE WHEN shards > 1 THEN concat('In ', cast(incomplete AS varchar), ' of ', cast(shards AS varchar), ' shards.') END AS detail,
  CASE WHEN step = 'ingest' THEN concat('source ', source) END AS depends_on
FROM counted
WHERE incomplete > 0
