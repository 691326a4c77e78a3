-- inputs.anomaly_share: of how many days samples of hours were judged, how many, and how many of them are anomalous.
--
-- Reads   gold.anomaly_point
-- Params  :as_of   midnight, UTC: the 30 days before it count
-- Window  30 days
--
-- Counted is every sample that is anomalous, not only those that were announced.
SELECT
  count(DISTINCT day) AS days,
  count(*) AS judged,
  count(CASE WHEN state = 'anomalous' THEN 1 END) AS anomalous
FROM gold.anomaly_point
WHERE granularity = 'hour' AND ts >= cast(:as_of AS timestamp) - INTERVAL '30' DAY AND ts < :as_of
  AND day >= cast(cast(:as_of AS timestamp) - INTERVAL '30' DAY AS date) AND day <= cast(:as_of AS date)
