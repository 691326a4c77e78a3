-- inputs.quarantined: the rules that refused rows of an interval, and how many.
--
-- Reads   silver.quarantine
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- `example` is the first reason by the alphabet, not the most frequent one.
SELECT table_name AS table_name, rule AS rule, count(*) AS rows, min(reason) AS example
FROM silver.quarantine
WHERE ts >= :start AND ts < :end
GROUP BY table_name, rule
ORDER BY table_name, rule
