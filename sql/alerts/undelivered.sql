-- alerts.undelivered: a route to people takes no messages
--
-- Reads   gold.notification
-- Params  :as_of   end of the run's data interval
--         :notify_tries   a setting
-- Window  7 days
-- Severity  critical
-- Means   Who is told by this route knows nothing of the alerts that wait for it.
-- Do      Look at the error, at the address and at the secret in its environment; `python -m pipeline alert send` tries again.
--
-- It goes by other routes than the one that it is about.
SELECT
  concat('route ', route) AS subject,
  'delivery' AS cause,
  'critical' AS severity,
  min(as_of) AS since,
  cast(count(*) AS double) AS observed,
  cast(NULL AS double) AS expected,
  CASE WHEN count(*) = 1 THEN 'message that waits' ELSE 'messages that wait' END AS measured_in,
  max_by(error, concat(cast(as_of AS varchar), message_id)) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM gold.notification
WHERE as_of > cast(:as_of AS timestamp) - INTERVAL '7' DAY AND as_of <= :as_of AND state <> 'sent' AND tries >= :notify_tries
GROUP BY route
