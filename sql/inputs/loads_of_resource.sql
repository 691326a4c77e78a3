-- inputs.loads_of_resource: the landings that the samples of one resource come from.
--
-- Reads   views.metric_point
-- Params  :account, :region, :resource_id   the resource
--         :start, :as_of                    samples in [start, as_of), UTC
-- Window  0 days
--
-- Samples that count, and no others.
SELECT source AS source, load_id AS load_id, count(*) AS samples, min(ts) AS first_at, max(ingested_at) AS landed_at
FROM views.metric_point
WHERE
  account = :account AND region = :region AND resource_id = :resource_id AND rule IS NULL
  AND ts >= :start AND ts < :as_of AND day >= cast(:start AS date) AND day <= cast(:as_of AS date)
GROUP BY source, load_id
ORDER BY first_at, source, load_id
