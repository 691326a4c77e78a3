-- inputs.inventory_days: the days on which inventories list anything of a service in an account and region.
--
-- Reads   silver.resource
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  0 days
SELECT DISTINCT account AS account, region AS region, service AS service, ts AS ts
FROM silver.resource
WHERE ts >= :since AND ts < :as_of
ORDER BY account, region, service, ts
