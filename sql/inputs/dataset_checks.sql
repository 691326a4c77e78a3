-- inputs.dataset_checks: the seven checks of each source, of the newest day of an interval on which it delivered.
--
-- Reads   silver.dataset_check
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
WITH ranked AS (
  SELECT
    source, ts, check_name, success, observed, least, most, evidence, reason,
    rank() OVER (PARTITION BY source ORDER BY ts DESC) AS recency
  FROM silver.dataset_check
  WHERE ts >= :start AND ts < :end
)
SELECT
  source AS source, ts AS ts, check_name AS check_name, success AS success, observed AS observed, least AS least, most AS most,
  evidence AS evidence, reason AS reason
FROM ranked
WHERE recency = 1
ORDER BY source, check_name
