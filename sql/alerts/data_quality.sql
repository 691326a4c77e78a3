-- alerts.data_quality: data is not what its table declares
--
-- Reads   gold.quality_result
-- Params  :as_of   end of the run's data interval
-- Window  0 days
-- Severity  critical, warning
-- Means   Where it is critical nothing was published and readers see the last good rows; else some rows or sources are missing.
-- Do      Read the check in the run's data docs and the refused rows in silver.quarantine; mend the source, run the days again.
--
-- One row per table with checks that failed, as grave as the gravest of them; `detail` is the first of these by rule.
SELECT
  concat('table ', table_name) AS subject,
  'quality' AS cause,
  CASE WHEN max(CASE severity WHEN 'critical' THEN 1 ELSE 0 END) = 1 THEN 'critical' ELSE 'warning' END AS severity,
  cast(:as_of AS timestamp) AS since,
  cast(count(*) AS double) AS observed,
  cast(NULL AS double) AS expected,
  CASE WHEN count(*) = 1 THEN 'failed check' ELSE 'failed checks' END AS measured_in,
  min_by(note, concat(CASE severity WHEN 'critical' THEN '0' ELSE '1' END, rule, subject, cast(shard AS varchar))) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM gold.quality_result
WHERE as_of = :as_of AND NOT success AND severity <> 'info'
GROUP BY table_name
