-- views.current_status: how each series stands, with its newest hour; the same as views.status_now, where that is five minutes their hour.
--
-- Reads   views.status_now
--
-- `confidence` is null: a status is no incident, and views.incident has how sure one is. `hours_behind` are whole hours since its newest
-- sample, of the newest observed anywhere.
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  date_trunc('hour', ts) AS last_hour,
  value AS value,
  expected AS expected,
  status AS status,
  severity AS severity,
  cast(NULL AS double) AS confidence,
  quality_score AS quality_score,
  minutes_behind / 60 AS hours_behind
FROM views.status_now
