-- views.monitor_latency: how old each period of the DAG `monitor` was when it was published, when rules were asked, and when people knew.
--
-- Reads   bronze.run_event, gold.alert, gold.notification
--
-- One row per period that was published, counted from its end to when each was first done; null where a step has not been, or nobody
-- was told of anything. Messages of the day that ends at the same midnight do not count: a group is of one rhythm. The oldest sample in
-- it is older by the period. Filter by `day`: it prunes files.
WITH done AS (
  SELECT
    day, ts,
    min(CASE WHEN step = 'build' THEN ingested_at END) AS published_at,
    min(CASE WHEN step = 'alert' THEN ingested_at END) AS asked_at
  FROM bronze.run_event
  WHERE start_at > ts - INTERVAL '1' DAY AND outcome IN ('done', 'unchanged', 'partial')
    AND (step = 'alert' OR (step = 'build' AND target = 'silver.metric_5min'))
  GROUP BY day, ts
),
told AS (
  SELECT as_of, count(*) AS messages, max(tried_at) AS told_at
  FROM gold.notification
  WHERE state = 'sent'
    AND group_id IN (SELECT group_id FROM gold.alert WHERE rule IN ('burn_rate', 'incident_now', 'no_data', 'service_now', 'threshold_now'))
  GROUP BY as_of
)
SELECT
  d.day AS day,
  d.ts AS as_of,
  d.published_at AS published_at,
  date_diff('second', d.ts, d.published_at) AS published_after_s,
  date_diff('second', d.ts, d.asked_at) AS asked_after_s,
  coalesce(t.messages, 0) AS messages,
  date_diff('second', d.ts, t.told_at) AS told_after_s
FROM done AS d
LEFT JOIN told AS t ON t.as_of = d.ts
WHERE d.published_at IS NOT NULL
