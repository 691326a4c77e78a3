-- inputs.outlier_outdated: the days after a run's whose `outlier` is not what the days before them say now.
--
-- Reads   silver.metric_daily
-- Params  :start, :end   from the run's end to as many days later as a day looks back, UTC, half-open
-- Window  silver.metric_daily 30 days
--
-- The flag is that of silver.metric_daily, which says what it means; it depends on no other flag, so that to make these days again is enough.
WITH known AS (
  SELECT series_id, unit, ts, p95, outlier
  FROM silver.metric_daily
  WHERE ts >= :start - INTERVAL '30' DAY AND ts < :end AND quality_flag = 0 AND p95 IS NOT NULL
),
beside AS (
  SELECT
    series_id, unit, ts, p95, outlier,
    count(*) OVER days_before AS days,
    array_sort(array_agg(p95) OVER days_before) AS points
  FROM known
  WINDOW days_before AS (
    PARTITION BY series_id, unit ORDER BY ts RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND INTERVAL '1' DAY PRECEDING
  )
),
quartered AS (
  SELECT
    ts, p95, outlier, days,
    element_at(points, cast(greatest(ceil(0.25e0 * cast(days AS double)), 1e0) AS integer)) AS low,
    element_at(points, cast(greatest(ceil(0.75e0 * cast(days AS double)), 1e0) AS integer)) AS high
  FROM beside
  WHERE ts >= :start
)
SELECT DISTINCT ts AS ts
FROM quartered
WHERE outlier IS DISTINCT FROM CASE WHEN days >= 15 AND high > low
  THEN p95 > high + 3e0 * (high - low) OR p95 < low - 3e0 * (high - low) END
ORDER BY ts
