-- inputs.resource_days: what some resources were on each day of the inventories.
--
-- Reads   silver.resource
-- Params  :since, :as_of   days in [since, as_of), UTC
--         :resources       their ids, a space before and behind each
-- Window  0 days
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  ts AS ts,
  service AS service,
  instance_type AS instance_type,
  state AS state,
  tags_json AS tags_json
FROM silver.resource
WHERE ts >= :since AND ts < :as_of AND strpos(:resources, concat(' ', resource_id, ' ')) > 0
ORDER BY account, region, resource_id, ts
