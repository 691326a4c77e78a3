-- inputs.tags_by_day: what resources cost by account and day, in dollars: in all, without a tag, and with one that had none before.
--
-- Reads   views.usage_charged
-- Params  :since, :as_of   days in [since, as_of), UTC, without the newest two, of which bills do not have all yet
-- Window  31 days
--
-- `moved_usd` is of resources that are tagged on the day and were charged without a tag on an earlier one of these days.
WITH charged AS (
  SELECT ts, account, resource_id, is_tagged, sum(cost) AS cost
  FROM views.usage_charged
  WHERE ts >= :since AND ts < :as_of - INTERVAL '2' DAY
    AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
    AND month >= cast(:since - INTERVAL '31' DAY AS date) AND month <= cast(:as_of AS date)
    AND currency = 'USD' AND has_resource
  GROUP BY ts, account, resource_id, is_tagged
),
told AS (
  SELECT
    ts, account, is_tagged, cost,
    min(CASE WHEN NOT is_tagged THEN ts END) OVER (PARTITION BY account, resource_id) AS bare_at
  FROM charged
  WHERE cost > 0
)
SELECT
  ts AS ts,
  account AS account,
  cast(sum(cost) AS double) AS whole_usd,
  cast(sum(CASE WHEN NOT is_tagged THEN cost ELSE 0 END) AS double) AS bare_usd,
  cast(sum(CASE WHEN is_tagged AND bare_at < ts THEN cost ELSE 0 END) AS double) AS moved_usd
FROM told
GROUP BY ts, account
ORDER BY account, ts
