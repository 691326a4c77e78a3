-- silver.metric_hourly: utilisation on a regular hourly grid.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- A gap of up to three hours inside a UTC day repeats the last observed hour, flagged 1: never a later one, and never across
-- midnight, so that the order in which days are built cannot matter. Longer gaps stay gaps.
-- The sum is an exact decimal, so that no order of rows can change a mean; `least` takes back what rounding adds above the peak.
-- Of samples of different periods each weighs in the mean by its period, and a percentile is of all of them as they came.
WITH observed AS (
  SELECT
    series_id, account, region, resource_id, metric, unit,
    date_trunc('hour', ts) AS hour,
    least(
      CASE
        WHEN min(period_s) FILTER (WHERE statistic IN ('average', 'sum')) < max(period_s) FILTER (WHERE statistic IN ('average', 'sum'))
          THEN cast(sum(cast(value * cast(period_s AS double) AS decimal(38, 6))) FILTER (WHERE statistic IN ('average', 'sum')) AS double)
            / cast(sum(period_s) FILTER (WHERE statistic IN ('average', 'sum')) AS double)
        ELSE cast(sum(cast(value AS decimal(38, 9))) FILTER (WHERE statistic IN ('average', 'sum')) AS double)
          / cast(nullif(count(*) FILTER (WHERE statistic IN ('average', 'sum')), 0) AS double)
      END,
      max(value) FILTER (WHERE statistic IN ('average', 'sum'))
    ) AS mean,
    array_sort(array_agg(value) FILTER (WHERE statistic IN ('average', 'sum'))) AS points,
    max(value) FILTER (WHERE statistic = 'p95') AS stated_p95,
    max(value) FILTER (WHERE statistic <> 'samplecount') AS max,
    array_join(array_sort(array_agg(DISTINCT source)), ',') AS sources,
    coalesce(nullif(count(*) FILTER (WHERE statistic IN ('average', 'sum')), 0), count(DISTINCT ts)) AS samples,
    coalesce(
      3600 * count(*) FILTER (WHERE statistic IN ('average', 'sum'))
        / cast(sum(period_s) FILTER (WHERE statistic IN ('average', 'sum')) AS bigint),
      3600 / min(period_s)
    ) AS expected_samples
  FROM views.metric_point
  WHERE rule IS NULL
    AND period_s <= 3600
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  GROUP BY series_id, account, region, resource_id, metric, unit, date_trunc('hour', ts)
),
followed AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, hour, mean, points, stated_p95, max, sources, samples, expected_samples,
    coalesce(
      lead(hour) OVER (PARTITION BY series_id, date_trunc('day', hour) ORDER BY hour),
      date_trunc('day', hour) + INTERVAL '1' DAY
    ) AS next_hour
  FROM observed
)
SELECT
  f.series_id AS series_id,
  f.account AS account,
  f.region AS region,
  f.resource_id AS resource_id,
  f.metric AS metric,
  f.unit AS unit,
  date_add('hour', g.gap, f.hour) AS hour,
  f.mean AS mean,
  element_at(f.points, cast(ceil(0.5e0 * cast(cardinality(f.points) AS double)) AS integer)) AS p50,
  coalesce(f.stated_p95, element_at(f.points, cast(ceil(0.95e0 * cast(cardinality(f.points) AS double)) AS integer))) AS p95,
  f.max AS max,
  f.unit = 'percent' AND f.max > 100e0 AS saturated,
  CASE WHEN g.gap = 0 THEN f.samples ELSE 0 END AS samples,
  f.expected_samples AS expected_samples,
  CASE WHEN g.gap > 0 THEN 1 WHEN f.samples * 2 < f.expected_samples THEN 2 ELSE 0 END AS quality_flag,
  CASE
    WHEN g.gap > 0 THEN 0e0
    ELSE least(1e0, cast(f.samples AS double) / cast(f.expected_samples AS double))
  END AS quality_score,
  f.sources AS sources
FROM followed AS f
CROSS JOIN UNNEST(ARRAY[0, 1, 2, 3]) AS g(gap)
WHERE date_add('hour', g.gap, f.hour) < f.next_hour
