-- inputs.commitment_days: the days on which bills have anything of each commitment.
--
-- Reads   silver.charge_daily
-- Params  :since, :as_of   days in [since, as_of), UTC
-- Window  31 days
SELECT DISTINCT commitment_id AS commitment_id, ts AS ts
FROM silver.charge_daily
WHERE ts >= :since AND ts < :as_of
  AND billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of
  AND month >= cast(date_trunc('month', :since - INTERVAL '31' DAY) AS date)
  AND charge_category = 'Usage' AND commitment_id <> 'none'
ORDER BY commitment_id, ts
