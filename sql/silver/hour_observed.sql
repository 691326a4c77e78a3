-- silver.hour_observed: demand in hours that are over, as the samples so far say.
--
-- Reads   views.metric_reading
-- Params  :start, :end   what is built, UTC, half-open, from hour to hour
-- Window  0 days
--
-- For hours that no day's run has built yet: the DAG `monitor` builds it when they are over, and again while what is late may come.
-- `value` is what `views.demand_hourly` has of an hour: its p95, at most 100 of a percentage, and no row where a source gives none.
-- What `views.metric_point` settles over a day is settled over the hour here, by the same rules, so that a run reads the hour alone:
-- where a series is measured in one unit and way all day, both say the same.
WITH begun AS (
  SELECT
    source, series_id, account, region, resource_id, metric, unit, statistic, period_s, ts, value, source_unit,
    date_trunc('hour', ts) AS began_at
  FROM views.metric_reading
  WHERE refused IS NULL AND recency = 1
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
),
counted AS (
  SELECT
    source, series_id, account, region, resource_id, metric, unit, statistic, period_s, ts, value, source_unit, began_at,
    count(*) OVER (PARTITION BY series_id, began_at, unit) AS in_unit,
    min(CASE WHEN statistic IN ('average', 'sum') THEN period_s END) OVER (PARTITION BY series_id, began_at, unit) AS shortest_s,
    max(CASE WHEN statistic = 'sum' THEN 1 ELSE 0 END) OVER (PARTITION BY series_id, began_at, unit) AS has_sum,
    max(CASE WHEN statistic = 'average' THEN 1 ELSE 0 END) OVER (PARTITION BY series_id, began_at, unit) AS has_average
  FROM begun
),
settled AS (
  SELECT
    source, series_id, account, region, resource_id, metric, unit, statistic, period_s, ts, value, source_unit, began_at,
    shortest_s, has_sum, has_average,
    first_value(unit) OVER (PARTITION BY series_id, began_at ORDER BY in_unit DESC, unit) AS commonest
  FROM counted
),
placed AS (
  SELECT
    source, series_id, account, region, resource_id, metric, unit, period_s, ts, began_at, statistic,
    CASE
      WHEN period_s > shortest_s AND unit IN ('count', 'usd') AND (statistic = 'sum' OR lower(source_unit) = 'count/second')
        THEN value * cast(shortest_s AS double) / cast(nullif(period_s, 0) AS double)
      ELSE value
    END AS value,
    statistic IN ('average', 'sum') AS is_mean
  FROM settled
  WHERE unit = commonest AND period_s <= 3600
    AND NOT (statistic = 'sum' AND has_average = 1 AND lower(source_unit) NOT IN ('bytes', 'count'))
    AND NOT (statistic = 'average' AND has_sum = 1 AND lower(source_unit) IN ('bytes', 'count'))
),
observed AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, began_at,
    array_sort(array_agg(value) FILTER (WHERE is_mean)) AS points,
    max(value) FILTER (WHERE statistic = 'p95') AS stated_p95
  FROM placed
  GROUP BY series_id, account, region, resource_id, metric, unit, began_at
),
ranked AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, began_at,
    coalesce(stated_p95, element_at(points, cast(ceil(0.95e0 * cast(cardinality(points) AS double)) AS integer))) AS p95
  FROM observed
)
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  began_at AS ts,
  CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS value
FROM ranked
WHERE p95 IS NOT NULL
