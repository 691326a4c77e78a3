-- alerts.model_drift: forecasts of a metric got worse
--
-- Reads   gold.drift
-- Params  :as_of   end of the run's data interval
-- Window  0 days
-- Severity  warning
-- Means   What is forecast is further off than it was four weeks ago, or its intervals hold too little; risks follow from it.
-- Do      Let the training that gold.drift asks for run, or run `train`; look for a change in the estate where it repeats.
SELECT
  concat('segment ', metric, '/', granularity) AS subject,
  'forecast' AS cause,
  'warning' AS severity,
  cast(:as_of AS timestamp) AS since,
  pinball_to_naive AS observed,
  pinball_to_naive_before AS expected,
  'of the naive error' AS measured_in,
  reason AS detail,
  cast(NULL AS varchar) AS depends_on
FROM gold.drift
WHERE as_of = :as_of AND drifted
