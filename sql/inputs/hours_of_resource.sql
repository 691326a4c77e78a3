-- inputs.hours_of_resource: how one resource was used, hour by hour.
--
-- Reads   silver.metric_hourly
-- Params  :account, :region, :resource_id   the resource
--         :start, :as_of                    hours in [start, as_of), UTC
-- Window  0 days
--
-- Hours that were filled in are not here.
SELECT metric AS metric, unit AS unit, hour AS hour, p95 AS p95
FROM silver.metric_hourly
WHERE
  account = :account AND region = :region AND resource_id = :resource_id AND quality_flag = 0
  AND hour >= :start AND hour < :as_of AND day >= cast(:start AS date) AND day <= cast(:as_of AS date)
ORDER BY metric, unit, hour
