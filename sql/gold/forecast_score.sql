-- gold.forecast_score: every forecast of a period, at every lead time, beside what was then observed.
--
-- Reads   gold.forecast, views.demand_hourly, views.demand_daily
-- Params  :start, :end   the run's data interval, UTC, half-open: the periods that are scored
-- Window  gold.forecast 181 days, silver.metric_hourly 70 days, silver.metric_daily 240 days, silver.cost_daily 240 days
--
-- Late or restated actuals change the scores when their day is built again. A forecast counts from its own `as_of` on, so that a
-- backfill cannot look ahead; one that is published only now for an earlier `as_of` is scored when its days are built again. What
-- is observed is demand, as the views say it. The seasonal naive repeats the last day of hours or week of days before the
-- forecast's own cutoff. Stale rows, which stand in for a segment that failed, are no forecast of their `as_of`. The history read is what the longest horizon, the longest silence and the scale ask for. Sums are of
-- decimals: of doubles they would depend on the order of the rows, and an unchanged day would look changed.
WITH published AS (
  SELECT as_of, series_id, metric, unit, granularity, ts, quantile, value, model, model_version, cutoff
  FROM gold.forecast
  WHERE ts >= :start AND ts < :end AND as_of <= ts AND tier <> 'stale'
    AND day >= cast(:start - INTERVAL '181' DAY AS date) AND day <= cast(:end AS date)
),
wanted AS (
  SELECT DISTINCT series_id, granularity FROM published
),
measured AS (
  SELECT series_id, granularity, ts, value
  FROM views.demand_hourly
  WHERE ts >= :start - INTERVAL '70' DAY AND ts < :end
    AND day >= cast(:start - INTERVAL '70' DAY AS date) AND day <= cast(:end AS date)
  UNION ALL
  SELECT series_id, granularity, ts, value
  FROM views.demand_daily
  WHERE ts >= :start - INTERVAL '240' DAY AND ts < :end
),
observed AS (
  SELECT s.series_id, s.granularity, s.ts, s.value
  FROM measured AS s
  JOIN wanted AS w ON w.series_id = s.series_id AND w.granularity = s.granularity
  WHERE s.value IS NOT NULL
),
scaled AS (
  SELECT
    o.series_id, o.granularity, o.ts,
    cast(sum(cast(abs(o.value - p.value) AS decimal(38, 9))) OVER recent AS double)
      / cast(nullif(count(p.value) OVER recent, 0) AS double) AS scale
  FROM observed AS o
  LEFT JOIN observed AS p
    ON p.series_id = o.series_id AND p.granularity = o.granularity
    AND p.ts = date_add('day', CASE o.granularity WHEN 'hour' THEN -1 ELSE -7 END, o.ts)
  WINDOW recent AS (
    PARTITION BY o.series_id, o.granularity ORDER BY o.ts RANGE BETWEEN INTERVAL '28' DAY PRECEDING AND CURRENT ROW
  )
),
scored AS (
  SELECT
    f.as_of, f.series_id, f.metric, f.unit, f.granularity, f.ts, f.model, f.model_version, f.cutoff, a.value AS actual,
    max(f.value) FILTER (WHERE f.quantile = 0.05e0) AS p05,
    max(f.value) FILTER (WHERE f.quantile = 0.1e0) AS p10,
    max(f.value) FILTER (WHERE f.quantile = 0.25e0) AS p25,
    max(f.value) FILTER (WHERE f.quantile = 0.5e0) AS p50,
    max(f.value) FILTER (WHERE f.quantile = 0.75e0) AS p75,
    max(f.value) FILTER (WHERE f.quantile = 0.9e0) AS p90,
    max(f.value) FILTER (WHERE f.quantile = 0.95e0) AS p95,
    cast(sum(cast(
      CASE WHEN a.value >= f.value THEN f.quantile * (a.value - f.value) ELSE (1e0 - f.quantile) * (f.value - a.value) END
      AS decimal(38, 9)
    )) AS double) / cast(count(*) AS double) AS pinball,
    -- Whole seasons back to the last one before the cutoff, in days.
    CASE f.granularity
      WHEN 'hour' THEN (date_diff('hour', f.cutoff, f.ts) + 23) / 24
      ELSE (date_diff('day', f.cutoff, f.ts) + 6) / 7 * 7
    END AS days_back
  FROM published AS f
  JOIN observed AS a ON a.series_id = f.series_id AND a.granularity = f.granularity AND a.ts = f.ts
  GROUP BY f.as_of, f.series_id, f.metric, f.unit, f.granularity, f.ts, f.model, f.model_version, f.cutoff, a.value
)
SELECT
  s.as_of AS as_of,
  s.series_id AS series_id,
  s.metric AS metric,
  s.unit AS unit,
  s.granularity AS granularity,
  s.ts AS ts,
  CASE s.granularity WHEN 'hour' THEN date_diff('hour', s.as_of, s.ts) ELSE date_diff('day', s.as_of, s.ts) END + 1 AS lead,
  s.model AS model,
  s.model_version AS model_version,
  s.actual AS actual,
  s.p50 AS median,
  s.actual - s.p50 AS error,
  abs(s.actual - s.p50) AS abs_error,
  s.pinball AS pinball,
  s.actual >= s.p25 AND s.actual <= s.p75 AS hit_50,
  s.actual >= s.p10 AND s.actual <= s.p90 AS hit_80,
  s.actual >= s.p05 AND s.actual <= s.p95 AS hit_90,
  abs(s.actual - n.value) AS naive_abs_error,
  CASE WHEN c.scale > 1e-12 THEN c.scale END AS scale
FROM scored AS s
LEFT JOIN observed AS n
  ON n.series_id = s.series_id AND n.granularity = s.granularity AND n.ts = date_add('day', -s.days_back, s.ts)
LEFT JOIN scaled AS c ON c.series_id = s.series_id AND c.granularity = s.granularity AND c.ts = s.cutoff
