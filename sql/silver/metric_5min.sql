-- silver.metric_5min: utilisation as it is observed, in periods of five minutes.
--
-- Reads   views.metric_reading
-- Params  :start, :end   what is built, UTC, half-open, from five minutes to five minutes
-- Window  0 days
--
-- For rules that ask what is so now: the DAG `monitor` builds it, and nothing of a day's run is made of it. Nothing is filled in:
-- five minutes in which no sample begins have no row. A sample that stands for longer is in those in which it begins, alone, and
-- `period_s` says for how long. What is landed late is there when its five minutes are built again.
-- What `views.metric_point` settles over a day is settled over the five minutes here, by the same rules: a row depends on the samples
-- that begin in it alone, so that any cuts of a day give the rows of one pass, and a run reads its own minutes and not the day.
-- The sum is an exact decimal, so that no order of rows can change a mean; `least` takes back what rounding adds above the peak.
-- Of samples of different periods each weighs in the mean by its period, and a percentile is of all of them as they came.
WITH begun AS (
  SELECT
    source, series_id, account, region, resource_id, metric, unit, statistic, period_s, ts, value, source_unit,
    date_add(
      'minute',
      date_diff('minute', date_trunc('hour', ts), ts) - mod(date_diff('minute', date_trunc('hour', ts), ts), 5),
      date_trunc('hour', ts)
    ) AS began_at
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
    min(source) AS source,
    coalesce(min(period_s) FILTER (WHERE is_mean), min(period_s)) AS period_s,
    least(
      CASE
        WHEN min(period_s) FILTER (WHERE is_mean) < max(period_s) FILTER (WHERE is_mean)
          THEN cast(sum(cast(value * cast(period_s AS double) AS decimal(38, 6))) FILTER (WHERE is_mean) AS double)
            / cast(nullif(sum(period_s) FILTER (WHERE is_mean), 0) AS double)
        ELSE cast(sum(cast(value AS decimal(38, 9))) FILTER (WHERE is_mean) AS double)
          / cast(nullif(count(*) FILTER (WHERE is_mean), 0) AS double)
      END,
      max(value) FILTER (WHERE is_mean)
    ) AS mean,
    array_sort(array_agg(value) FILTER (WHERE is_mean)) AS points,
    max(value) FILTER (WHERE statistic = 'p95') AS stated_p95,
    max(value) FILTER (WHERE statistic <> 'samplecount') AS max,
    coalesce(nullif(count(*) FILTER (WHERE is_mean), 0), count(DISTINCT ts)) AS samples,
    greatest(
      coalesce(
        300 * count(*) FILTER (WHERE is_mean) / nullif(cast(sum(period_s) FILTER (WHERE is_mean) AS bigint), 0),
        300 / nullif(min(period_s), 0)
      ),
      1
    ) AS expected_samples
  FROM placed
  GROUP BY series_id, account, region, resource_id, metric, unit, began_at
)
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  began_at AS ts,
  source AS source,
  period_s AS period_s,
  mean AS mean,
  element_at(points, cast(ceil(0.5e0 * cast(cardinality(points) AS double)) AS integer)) AS p50,
  coalesce(stated_p95, element_at(points, cast(ceil(0.95e0 * cast(cardinality(points) AS double)) AS integer))) AS p95,
  max AS max,
  unit = 'percent' AND max > 100e0 AS saturated,
  samples AS samples,
  expected_samples AS expected_samples,
  CASE WHEN samples * 2 < expected_samples THEN 2 ELSE 0 END AS quality_flag,
  least(1e0, cast(samples AS double) / cast(nullif(expected_samples, 0) AS double)) AS quality_score
FROM observed
