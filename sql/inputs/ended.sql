-- inputs.ended: days on which an inventory says that a resource was stopped, and the first one on which it is gone.
--
-- Reads   silver.resource
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
--
-- Gone is what an inventory of its account, region and service lists no more: the day after it was listed last.
WITH listed AS (
  SELECT account, region, service, resource_id, ts, state
  FROM silver.resource
  WHERE ts >= :since AND ts < :as_of
),
newest AS (
  SELECT account, region, service, max(ts) AS ts
  FROM listed
  GROUP BY account, region, service
),
seen AS (
  SELECT account, region, service, resource_id, max(ts) AS ts
  FROM listed
  GROUP BY account, region, service, resource_id
)
SELECT account AS account, region AS region, resource_id AS resource_id, ts AS day
FROM listed
WHERE lower(state) IN ('stopped', 'stopping', 'terminated', 'shutting-down', 'deleting', 'deleted')
UNION
SELECT s.account AS account, s.region AS region, s.resource_id AS resource_id, date_add('day', 1, s.ts) AS day
FROM seen AS s
JOIN newest AS n ON n.account = s.account AND n.region = s.region AND n.service = s.service
WHERE s.ts < n.ts
ORDER BY account, region, resource_id, day
