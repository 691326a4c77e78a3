-- views.status_now: how each series stands in its last five minutes observed, or its last hour where no minutes are.
--
-- Reads   views.status_course
--
-- `status` is stale where its samples stopped, anomalous where detectors judged its hour so, above where it exceeds the 90 % interval of
-- the forecast, normal where it does neither, and unknown where nobody judged or forecast the hour. All is as of the newest sample
-- observed anywhere: a lake that stands still shows what it last knew.
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  environment AS environment,
  metric AS metric,
  unit AS unit,
  ts AS ts,
  resolution_s AS resolution_s,
  minutes_behind AS minutes_behind,
  value AS value,
  expected AS expected,
  lower AS lower,
  upper AS upper,
  status AS status,
  severity AS severity
FROM views.status_course
WHERE is_newest
