-- inputs.cost_restated_later: the closed billing periods of which an export said something else only after a moment.
--
-- Reads   silver.cost_restatement
-- Params  :since, :as_of   periods with days in [since, as_of), UTC; what was said before the latter was known
-- Window  31 days
SELECT DISTINCT billing_period AS billing_period
FROM silver.cost_restatement
WHERE billing_period >= :since - INTERVAL '31' DAY AND billing_period < :as_of AND first_seen_at >= :as_of
ORDER BY billing_period
