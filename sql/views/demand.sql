-- views.demand: demand by the hour and by the day, one row per series, granularity and period.
--
-- Reads   views.demand_hourly, views.demand_daily
--
-- The two views say what demand is. A series that is measured by the hour stands here twice: choose a `granularity`, or ask the
-- one view that has it, which opens fewer files.
SELECT
  series_id AS series_id, metric AS metric, unit AS unit, granularity AS granularity, ts AS ts, value AS value
FROM views.demand_hourly
UNION ALL
SELECT
  series_id AS series_id, metric AS metric, unit AS unit, granularity AS granularity, ts AS ts, value AS value
FROM views.demand_daily
