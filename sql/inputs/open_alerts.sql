-- inputs.open_alerts: the alerts that are not over at a moment, and whether people were told of them.
--
-- Reads   gold.alert, gold.notification
-- Params  :as_of   the moment
-- Window  400 days
--
-- An alert stands as its newest row says. `told_at` is the run whose message about its group was taken last, `waiting` counts the
-- messages about the group that were not taken yet. The order is the gravest first, suppressed ones last.
WITH ranked AS (
  SELECT
    as_of, alert_id, group_id, rule, subject, cause, severity, state, suppressed_by, since, observed, expected, measured_in, detail,
    team, reason, row_number() OVER (PARTITION BY alert_id ORDER BY as_of DESC) AS recency
  FROM gold.alert
  WHERE as_of <= :as_of AND as_of >= cast(:as_of AS timestamp) - INTERVAL '400' DAY
),
told AS (
  SELECT
    group_id, max(CASE WHEN state = 'sent' THEN as_of END) AS told_at,
    count(CASE WHEN state NOT IN ('sent', 'given_up') THEN 1 END) AS waiting
  FROM gold.notification
  WHERE as_of <= :as_of AND as_of >= cast(:as_of AS timestamp) - INTERVAL '400' DAY
  GROUP BY group_id
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
LEFT JOIN told AS t ON t.group_id = r.group_id
WHERE r.recency = 1 AND r.state <> 'resolved'
ORDER BY CASE WHEN r.state = 'suppressed' THEN 1 ELSE 0 END,
  CASE WHEN r.severity = 'critical' THEN 1 WHEN r.severity = 'warning' THEN 2 ELSE 3 END, r.since, r.subject, r.cause, r.rule
