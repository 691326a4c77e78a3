-- inputs.open_alerts: the alerts that are not over at a moment, and whether people were told of them.
--
-- Reads   gold.alert, gold.notification
-- Params  :as_of   the moment
-- Window  400 days
--
-- An alert stands as its newest row says, but for one that is over: a run of days past may have found that after a person took it.
-- `told_at` is the run whose message that its group fires was taken last, or went into a digest, `waiting` counts those that were not
-- taken yet or wait for one, both since the alert fires. The order is the gravest first, suppressed ones last.
WITH ranked AS (
  SELECT
    as_of, alert_id, group_id, rule, subject, cause, severity, state, suppressed_by, since, fired_at, observed, expected, measured_in,
    detail, team, reason,
    row_number() OVER (PARTITION BY alert_id ORDER BY CASE WHEN state = 'resolved' THEN 0 ELSE 1 END, as_of DESC) AS recency
  FROM gold.alert
  WHERE as_of <= :as_of AND as_of >= cast(:as_of AS timestamp) - INTERVAL '400' DAY
),
told AS (
  SELECT
    r.alert_id, max(CASE WHEN n.state IN ('sent', 'in_digest') THEN n.as_of END) AS told_at,
    count(CASE WHEN n.state NOT IN ('sent', 'given_up', 'withheld', 'in_digest') THEN 1 END) AS waiting
  FROM ranked AS r
  JOIN gold.notification AS n ON n.group_id = r.group_id
  WHERE r.recency = 1 AND n.kind = 'firing' AND n.as_of >= r.fired_at AND n.as_of <= :as_of
    AND n.as_of >= cast(:as_of AS timestamp) - INTERVAL '400' DAY
  GROUP BY r.alert_id
)
SELECT
  r.alert_id AS alert_id,
  r.rule AS rule,
  r.subject AS subject,
  r.cause AS cause,
  r.severity AS severity,
  r.state AS state,
  r.suppressed_by AS suppressed_by,
  r.since AS since,
  r.observed AS observed,
  r.expected AS expected,
  r.measured_in AS measured_in,
  r.detail AS detail,
  r.team AS team,
  r.reason AS reason,
  t.told_at AS told_at,
  coalesce(t.waiting, 0) AS waiting
FROM ranked AS r
LEFT JOIN told AS t ON t.alert_id = r.alert_id
WHERE r.recency = 1 AND r.state <> 'resolved'
ORDER BY CASE WHEN r.state = 'suppressed' THEN 1 ELSE 0 END,
  CASE WHEN r.severity = 'critical' THEN 1 WHEN r.severity = 'warning' THEN 2 ELSE 3 END, r.since, r.subject, r.cause, r.rule
