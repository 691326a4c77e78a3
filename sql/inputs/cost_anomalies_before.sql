-- inputs.cost_anomalies_before: what the newest run before a moment believed of each bill: which days it judged, how, and its events.
--
-- Reads   gold.cost_judged, gold.cost_anomaly
-- Params  :as_of   before it, UTC
-- Window  31 days
--
-- A bill without an event has one row, of which the event is null.
WITH newest AS (
  SELECT source, provider, payer, currency, max(as_of) AS as_of
  FROM gold.cost_judged
  WHERE as_of < :as_of AND as_of > :as_of - INTERVAL '31' DAY
    AND month >= cast(date_trunc('month', :as_of - INTERVAL '31' DAY) AS date)
  GROUP BY source, provider, payer, currency
)
SELECT
  j.source AS source,
  j.provider AS provider,
  j.payer AS payer,
  j.currency AS currency,
  j.judged_from AS judged_from,
  j.judged_through AS judged_through,
  j.rule_version AS rule_version,
  j.planned_json AS planned_json,
  a.anomaly_id AS anomaly_id,
  coalesce(a.account, '') AS account,
  coalesce(a.service, '') AS service,
  coalesce(a.usage_type, '') AS usage_type,
  coalesce(a.resource_id, '') AS resource_id,
  a.first_day AS first_day,
  a.last_day AS last_day
FROM gold.cost_judged AS j
JOIN newest AS n
  ON n.as_of = j.as_of AND n.source = j.source AND n.provider = j.provider AND n.payer = j.payer AND n.currency = j.currency
LEFT JOIN gold.cost_anomaly AS a
  ON a.as_of = j.as_of AND a.source = j.source AND a.provider = j.provider AND a.payer = j.payer AND a.currency = j.currency
  AND a.as_of < :as_of AND a.as_of > :as_of - INTERVAL '31' DAY
  AND a.month >= cast(date_trunc('month', :as_of - INTERVAL '31' DAY) AS date)
WHERE j.as_of < :as_of AND j.as_of > :as_of - INTERVAL '31' DAY
  AND j.month >= cast(date_trunc('month', :as_of - INTERVAL '31' DAY) AS date)
