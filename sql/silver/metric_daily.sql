-- silver.metric_daily: utilisation by the UTC day.
--
-- Reads   views.metric_point, silver.metric_daily
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, silver.metric_daily 30 days
--
-- Percentiles are of the day's samples, not of hourly percentiles: a p95 of p95s is neither. A source that delivers only a daily
-- p95 has no mean. A day without samples has no row.
-- The sum is an exact decimal, so that no order of rows can change a mean; `least` takes back what rounding adds above the peak.
-- `total` is what the samples counted, each in its own period: the mean is by the shortest one.
-- `outlier` holds the day's p95 against the series' own 30 days before it: outside of their quartiles by more than three times the
-- distance between these (Tukey's far out: weekends lie within the quartiles, where a distance from the median would flag each), null
-- with fewer than 15 of them, where they do not vary, and of a day less than half observed, which counts for no other either. No later
-- day is asked. What was published is read, for 30 days of samples would cost as many times the build; where a day is built after those
-- that follow it, inputs.outlier_outdated names those that would now say something else, and the build makes them again.
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
    array_join(array_sort(array_agg(DISTINCT source)), ',') AS sources,
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
),
measured AS (
  SELECT
    series_id, account, region, resource_id, metric, unit, ts, mean, max, sources, samples, expected_samples, total,
    element_at(points, cast(ceil(0.5e0 * cast(cardinality(points) AS double)) AS integer)) AS p50,
    coalesce(
      stated_p95,
      element_at(points, cast(ceil(0.95e0 * cast(cardinality(points) AS double)) AS integer)),
      highest_p95
    ) AS p95,
    CASE WHEN samples * 2 < expected_samples THEN 2 ELSE 0 END AS quality_flag
  FROM observed
),
known AS (
  SELECT series_id, unit, ts, p95 FROM measured WHERE quality_flag = 0 AND p95 IS NOT NULL
  UNION ALL
  SELECT series_id, unit, ts, p95
  FROM silver.metric_daily
  WHERE ts >= :start - INTERVAL '30' DAY AND ts < :start AND quality_flag = 0 AND p95 IS NOT NULL
),
beside AS (
  SELECT
    series_id, unit, ts, p95,
    count(*) OVER days_before AS days,
    array_sort(array_agg(p95) OVER days_before) AS points
  FROM known
  WINDOW days_before AS (
    PARTITION BY series_id, unit ORDER BY ts RANGE BETWEEN INTERVAL '30' DAY PRECEDING AND INTERVAL '1' DAY PRECEDING
  )
),
quartered AS (
  SELECT
    series_id, unit, ts, p95,
    element_at(points, cast(ceil(0.25e0 * cast(days AS double)) AS integer)) AS low,
    element_at(points, cast(ceil(0.75e0 * cast(days AS double)) AS integer)) AS high
  FROM beside
  WHERE days >= 15
)
SELECT
  m.series_id AS series_id,
  m.account AS account,
  m.region AS region,
  m.resource_id AS resource_id,
  m.metric AS metric,
  m.unit AS unit,
  m.ts AS ts,
  m.mean AS mean,
  m.p50 AS p50,
  m.p95 AS p95,
  m.max AS max,
  m.unit = 'percent' AND m.max > 100e0 AS saturated,
  m.samples AS samples,
  m.expected_samples AS expected_samples,
  m.quality_flag AS quality_flag,
  least(1e0, cast(m.samples AS double) / cast(m.expected_samples AS double)) AS quality_score,
  m.sources AS sources,
  m.total AS total,
  CASE WHEN q.high > q.low
    THEN q.p95 > q.high + 3e0 * (q.high - q.low) OR q.p95 < q.low - 3e0 * (q.high - q.low) END AS outlier
FROM measured AS m
LEFT JOIN quartered AS q ON q.series_id = m.series_id AND q.unit = m.unit AND q.ts = m.ts
