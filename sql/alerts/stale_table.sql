-- alerts.stale_table: a table was not published for days
--
-- Reads   bronze.run_event, gold.run_stat
-- Params  :as_of, :end   end of the run's data interval
--         :alert_stale_days   a setting
-- Window  0 days, gold.run_stat 21 days
-- Severity  critical
-- Means   Readers see rows that grow older every day, and nothing else tells them so.
-- Do      Find the first run in which its step did not succeed (gold.run_stat), mend what it met, and run the days since again.
--
-- A step of the daily run that succeeded within three weeks, and neither in this run nor for `alert_stale_days` before.
WITH succeeded AS (
  SELECT step, target, as_of AS at
  FROM gold.run_stat
  WHERE as_of > cast(:as_of AS timestamp) - INTERVAL '21' DAY AND as_of < :as_of AND outcome IN ('done', 'unchanged', 'partial')
  UNION ALL
  SELECT step, target, ts
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end AND start_at <= ts - INTERVAL '1' DAY AND outcome IN ('done', 'unchanged', 'partial')
)
SELECT
  CASE WHEN step = 'build' THEN concat('table ', target) ELSE concat('tables of the step ', step) END AS subject,
  'age' AS cause,
  'critical' AS severity,
  max(at) AS since,
  cast(date_diff('day', max(at), cast(:as_of AS timestamp)) AS double) AS observed,
  cast(:alert_stale_days AS double) AS expected,
  'days old' AS measured_in,
  cast(NULL AS varchar) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM succeeded
WHERE step NOT IN ('ingest', 'alert', 'report', 'status', 'bill_stated', 'due', 'train', 'train_detectors', 'register', 'record', 'promote',
      'maintain')
GROUP BY step, target
HAVING date_diff('day', max(at), cast(:as_of AS timestamp)) > :alert_stale_days
