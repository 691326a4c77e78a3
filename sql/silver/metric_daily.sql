-- silver.metric_daily: utilisation by the UTC day.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Percentiles are of the day's samples, not of hourly percentiles: a p95 of p95s is neither. A source that delivers only a daily
-- p95 has no mean. A day without samples has no row.
-- The sum is an exact decimal, so that no order of rows can change a mean; `least` takes back what rounding adds above the peak.
-- `total` is what the samples counted, each in its own period: the mean is by the shortest one.
-- Of samples of different periods each weighs in the mean by its period, and a percentile is of all of them as they came.
WITH observed AS (
  SELECT
    series_id, account, region, resource_id, metric, unit,
    date_trunc('day', ts) AS ts,
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
    CASE
      WHEN unit = 'count'
        THEN cast(sum(
            cast(source_value * CASE lower(source_unit) WHEN 'count/second' THEN cast(period_s AS double) ELSE 1e0 END AS decimal(38, 6))
          ) FILTER (WHERE statistic IN ('average', 'sum')) AS double)
    END AS total,
    array_sort(array_agg(value) FILTER (WHERE statistic IN ('average', 'sum'))) AS points,
    max(value) FILTER (WHERE statistic = 'p95' AND period_s = 86400) AS stated_p95,
    max(value) FILTER (WHERE statistic = 'p95') AS highest_p95,
    max(value) FILTER (WHERE statistic <> 'samplecount') AS max,
    coalesce(nullif(count(*) FILTER (WHERE statistic IN ('average', 'sum')), 0), count(DISTINCT ts)) AS samples,
    coalesce(
      86400 * count(*) FILTER (WHERE statistic IN ('average', 'sum'))
        / cast(sum(period_s) FILTER (WHERE statistic IN ('average', 'sum')) AS bigint),
      86400 / min(period_s)
    ) AS expected_samples
  FROM views.metric_point
  WHERE rule IS NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
  GROUP BY series_id, account, region, resource_id, metric, unit, date_trunc('day', ts)
)
SELECT
  series_id AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  ts AS ts,
  mean AS mean,
  element_at(points, cast(ceil(0.5e0 * cast(cardinality(points) AS double)) AS integer)) AS p50,
  coalesce(
    stated_p95,
    element_at(points, cast(ceil(0.95e0 * cast(cardinality(points) AS double)) AS integer)),
    highest_p95
  ) AS p95,
  max AS max,
  unit = 'percent' AND max > 100e0 AS saturated,
  samples AS samples,
  expected_samples AS expected_samples,
  CASE WHEN samples * 2 < expected_samples THEN 2 ELSE 0 END AS quality_flag,
  least(1e0, cast(samples AS double) / cast(expected_samples AS double)) AS quality_score,
  total AS total
FROM observed
