-- inputs.passive_answers: how many resources one run keeps as they are, or has too little data to say of, by service.
--
-- Reads   gold.recommendation
-- Params  :as_of   of the run
-- Window  0 days
--
-- A resource that two rules keep counts once. One rule may keep what another changes, so that the counts of actions overlap.
SELECT action AS action, service AS service, count(DISTINCT concat_ws('/', account, region, resource_id)) AS resources
FROM gold.recommendation
WHERE as_of = :as_of AND action IN ('keep', 'insufficient_data')
GROUP BY action, service
ORDER BY action, service
