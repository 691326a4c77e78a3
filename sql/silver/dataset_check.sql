-- silver.dataset_check: the seven checks of a data set, of the metric samples of one source on one UTC day, one row each.
--
-- Reads   views.metric_point, silver.dataset_quality, silver.metric_daily, silver.resource
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days, silver.metric_daily 55 days
--
-- completeness, missing, duplicates and range are of the day's rows. A duplicate says the same moment twice within one landing: what a
-- later landing replaces is none. correlation, seasonality and separability are of the days up to it, and of the resources that the
-- source delivered on it. Each works on days within a resource: resources that come and go move nothing. correlation is the largest
-- change of CPU with memory, CPU with inbound network and memory with disk, in the 28 days beside the 28 before; with fewer than 360
-- days of resources in either chance alone could move it by as much. seasonality is the share of CPU's variance that the weekday
-- explains in 28 days, adjusted for its seven means: 0.26 is what an F-test at five percent asks of one resource. separability is the
-- share of the variance between resources' means, of CPU, memory or disk, that their server types explain, adjusted as well: 0.14
-- is a large effect by Cohen (1988). What cannot be judged has no outcome, and says why.
WITH keyed AS (
  SELECT
    source, account, region, resource_id, date_trunc('day', ts) AS day_at,
    count(*) AS landed,
    count(*) FILTER (WHERE rule IS NULL) AS accepted,
    count(*) FILTER (WHERE rule = 'not_finite') AS missing,
    count(*) FILTER (WHERE rule = 'out_of_bounds') AS outside
  FROM views.metric_point
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end
  GROUP BY source, account, region, resource_id, series_id, statistic, period_s, ts, load_id
),
counted AS (
  SELECT
    source, day_at,
    cast(sum(landed) AS bigint) AS landed,
    cast(sum(missing) AS bigint) AS missing,
    cast(sum(outside) AS bigint) AS outside,
    cast(sum(landed - 1) AS bigint) AS repeated
  FROM keyed
  GROUP BY source, day_at
),
delivered AS (
  SELECT DISTINCT source, account, region, resource_id, day_at FROM keyed WHERE accepted > 0
),
measured AS (
  SELECT
    account, region, resource_id, metric, ts,
    cast(least(p95, 1e9) AS decimal(38, 9)) AS x,
    cast(least(p95, 1e9) * least(p95, 1e9) AS decimal(38, 9)) AS xx,
    date_diff('day', TIMESTAMP '1970-01-05 00:00:00', ts) % 7 AS weekday
  FROM silver.metric_daily
  WHERE ts >= :start - INTERVAL '55' DAY AND ts < :end AND quality_flag = 0 AND p95 IS NOT NULL
    AND metric IN ('cpu_utilization', 'memory_utilization', 'disk_utilization', 'network_in')
),
paired AS (
  SELECT
    a.account, a.region, a.resource_id, concat(a.metric, ' and ', b.metric) AS pair, a.ts,
    a.x AS x, a.xx AS xx, b.x AS y, b.xx AS yy,
    cast(cast(a.x AS double) * cast(b.x AS double) AS decimal(38, 9)) AS xy
  FROM measured AS a
  INNER JOIN measured AS b
    ON b.account = a.account AND b.region = a.region AND b.resource_id = a.resource_id AND b.ts = a.ts
  WHERE (a.metric = 'cpu_utilization' AND b.metric IN ('memory_utilization', 'network_in'))
    OR (a.metric = 'memory_utilization' AND b.metric = 'disk_utilization')
),
beside AS (
  SELECT
    account, region, resource_id, pair, ts,
    count(*) OVER lately AS n, cast(sum(x) OVER lately AS double) AS x, cast(sum(y) OVER lately AS double) AS y,
    cast(sum(xx) OVER lately AS double) AS xx, cast(sum(yy) OVER lately AS double) AS yy, cast(sum(xy) OVER lately AS double) AS xy,
    count(*) OVER earlier AS n0, cast(sum(x) OVER earlier AS double) AS x0, cast(sum(y) OVER earlier AS double) AS y0,
    cast(sum(xx) OVER earlier AS double) AS xx0, cast(sum(yy) OVER earlier AS double) AS yy0,
    cast(sum(xy) OVER earlier AS double) AS xy0
  FROM paired
  WINDOW
    lately AS (PARTITION BY account, region, resource_id, pair ORDER BY ts RANGE BETWEEN INTERVAL '27' DAY PRECEDING AND CURRENT ROW),
    earlier AS (
      PARTITION BY account, region, resource_id, pair ORDER BY ts
      RANGE BETWEEN INTERVAL '55' DAY PRECEDING AND INTERVAL '28' DAY PRECEDING
    )
),
pooled AS (
  SELECT
    d.source, d.day_at, b.pair,
    cast(sum(b.n) AS bigint) AS n, cast(sum(b.n0) AS bigint) AS n0,
    cast(sum(cast(b.xy - b.x * b.y / cast(nullif(b.n, 0) AS double) AS decimal(38, 9))) AS double) AS xy,
    cast(sum(cast(b.xx - b.x * b.x / cast(nullif(b.n, 0) AS double) AS decimal(38, 9))) AS double) AS xx,
    cast(sum(cast(b.yy - b.y * b.y / cast(nullif(b.n, 0) AS double) AS decimal(38, 9))) AS double) AS yy,
    cast(sum(cast(b.xy0 - b.x0 * b.y0 / cast(nullif(b.n0, 0) AS double) AS decimal(38, 9))) AS double) AS xy0,
    cast(sum(cast(b.xx0 - b.x0 * b.x0 / cast(nullif(b.n0, 0) AS double) AS decimal(38, 9))) AS double) AS xx0,
    cast(sum(cast(b.yy0 - b.y0 * b.y0 / cast(nullif(b.n0, 0) AS double) AS decimal(38, 9))) AS double) AS yy0
  FROM beside AS b
  INNER JOIN delivered AS d
    ON d.account = b.account AND d.region = b.region AND d.resource_id = b.resource_id AND d.day_at = b.ts
  GROUP BY d.source, d.day_at, b.pair
),
correlated AS (
  SELECT
    source, day_at, max(n) AS evidence,
    round(max(abs(xy / nullif(sqrt(xx * yy), 0e0) - xy0 / nullif(sqrt(xx0 * yy0), 0e0))), 6) AS observed
  FROM pooled
  WHERE n >= 360 AND n0 >= 360 AND xx > 1e-6 AND yy > 1e-6 AND xx0 > 1e-6 AND yy0 > 1e-6
  GROUP BY source, day_at
),
monthly AS (
  SELECT
    account, region, resource_id, metric, ts,
    count(*) OVER recent AS n,
    cast(sum(x) OVER recent AS double) AS s,
    cast(sum(xx) OVER recent AS double) AS ss,
    cast(sum(CASE weekday WHEN 0 THEN x END) OVER recent AS double) AS s0, count(CASE weekday WHEN 0 THEN 1 END) OVER recent AS n0,
    cast(sum(CASE weekday WHEN 1 THEN x END) OVER recent AS double) AS s1, count(CASE weekday WHEN 1 THEN 1 END) OVER recent AS n1,
    cast(sum(CASE weekday WHEN 2 THEN x END) OVER recent AS double) AS s2, count(CASE weekday WHEN 2 THEN 1 END) OVER recent AS n2,
    cast(sum(CASE weekday WHEN 3 THEN x END) OVER recent AS double) AS s3, count(CASE weekday WHEN 3 THEN 1 END) OVER recent AS n3,
    cast(sum(CASE weekday WHEN 4 THEN x END) OVER recent AS double) AS s4, count(CASE weekday WHEN 4 THEN 1 END) OVER recent AS n4,
    cast(sum(CASE weekday WHEN 5 THEN x END) OVER recent AS double) AS s5, count(CASE weekday WHEN 5 THEN 1 END) OVER recent AS n5,
    cast(sum(CASE weekday WHEN 6 THEN x END) OVER recent AS double) AS s6, count(CASE weekday WHEN 6 THEN 1 END) OVER recent AS n6
  FROM measured
  WHERE metric <> 'network_in'
  WINDOW recent AS (
    PARTITION BY account, region, resource_id, metric ORDER BY ts RANGE BETWEEN INTERVAL '27' DAY PRECEDING AND CURRENT ROW
  )
),
of_day AS (
  SELECT d.source, d.day_at, d.account, d.region, d.resource_id, m.metric, m.n, m.s, m.ss,
    coalesce(m.s0 * m.s0 / cast(nullif(m.n0, 0) AS double), 0e0) + coalesce(m.s1 * m.s1 / cast(nullif(m.n1, 0) AS double), 0e0)
      + coalesce(m.s2 * m.s2 / cast(nullif(m.n2, 0) AS double), 0e0) + coalesce(m.s3 * m.s3 / cast(nullif(m.n3, 0) AS double), 0e0)
      + coalesce(m.s4 * m.s4 / cast(nullif(m.n4, 0) AS double), 0e0) + coalesce(m.s5 * m.s5 / cast(nullif(m.n5, 0) AS double), 0e0)
      + coalesce(m.s6 * m.s6 / cast(nullif(m.n6, 0) AS double), 0e0) AS by_weekday
  FROM monthly AS m
  INNER JOIN delivered AS d
    ON d.account = m.account AND d.region = m.region AND d.resource_id = m.resource_id AND d.day_at = m.ts
  WHERE m.n >= 21
),
weekly AS (
  SELECT
    source, day_at, count(*) AS resources, cast(sum(n) AS bigint) AS evidence,
    cast(sum(cast(ss - by_weekday AS decimal(38, 9))) AS double) AS inside,
    cast(sum(cast(ss - s * s / cast(nullif(n, 0) AS double) AS decimal(38, 9))) AS double) AS total
  FROM of_day
  WHERE metric = 'cpu_utilization'
  GROUP BY source, day_at
),
seasonal AS (
  SELECT
    source, day_at, evidence,
    round(
      1e0 - inside / cast(nullif(evidence - 7 * resources, 0) AS double) / nullif(total / cast(nullif(evidence - resources, 0) AS double), 0e0), 6
    ) AS observed
  FROM weekly
  WHERE total > 1e-6
),
typed AS (
  SELECT
    o.source, o.day_at, o.metric, r.server_type,
    count(*) AS n,
    cast(sum(cast(o.s / cast(nullif(o.n, 0) AS double) AS decimal(38, 9))) AS double) AS s,
    cast(sum(cast(o.s / cast(nullif(o.n, 0) AS double) * (o.s / cast(nullif(o.n, 0) AS double)) AS decimal(38, 9))) AS double) AS ss
  FROM of_day AS o
  INNER JOIN silver.resource AS r
    ON r.account = o.account AND r.region = o.region AND r.resource_id = o.resource_id AND r.ts = o.day_at
  WHERE r.server_type IS NOT NULL AND r.ts >= :start AND r.ts < :end
  GROUP BY o.source, o.day_at, o.metric, r.server_type
),
grouped AS (
  SELECT
    source, day_at, metric, count(*) AS types, cast(sum(n) AS bigint) AS n,
    cast(sum(cast(ss - s * s / cast(nullif(n, 0) AS double) AS decimal(38, 9))) AS double) AS inside,
    cast(sum(cast(ss AS decimal(38, 9))) AS double) - cast(sum(cast(s AS decimal(38, 9))) AS double)
      * cast(sum(cast(s AS decimal(38, 9))) AS double) / cast(nullif(sum(n), 0) AS double) AS total
  FROM typed
  WHERE n >= 3
  GROUP BY source, day_at, metric
),
separated AS (
  SELECT
    source, day_at, max(n) AS evidence,
    round(max(1e0 - inside / cast(nullif(n - types, 0) AS double) / nullif(total / cast(nullif(n - 1, 0) AS double), 0e0)), 6) AS observed
  FROM grouped
  WHERE types >= 2 AND total > 1e-6
  GROUP BY source, day_at
),
checked AS (
  SELECT c.source, c.day_at, 'completeness' AS check_name, q.completeness_ratio AS observed, 0.95e0 AS least, cast(NULL AS double) AS most,
    c.landed AS evidence, 'the day is not rated in silver.dataset_quality' AS lacks
  FROM counted AS c
  LEFT JOIN silver.dataset_quality AS q ON q.source = c.source AND q.ts = c.day_at AND q.ts >= :start AND q.ts < :end
  UNION ALL
  SELECT source, day_at, 'missing', cast(missing AS double) / cast(nullif(landed, 0) AS double), NULL, 0.05e0, landed, NULL
  FROM counted
  UNION ALL
  SELECT source, day_at, 'duplicates', cast(repeated AS double) / cast(nullif(landed, 0) AS double), NULL, 0e0, landed, NULL
  FROM counted
  UNION ALL
  SELECT source, day_at, 'range', 1e0 - cast(outside AS double) / cast(nullif(landed - missing, 0) AS double), 1e0, NULL,
    landed - missing, 'no sample has a value'
  FROM counted
  UNION ALL
  SELECT c.source, c.day_at, 'correlation', k.observed, NULL, 0.15e0, coalesce(k.evidence, 0),
    'fewer than 360 days of resources with two metrics in the last 28 days, or in the 28 before, or they do not vary'
  FROM counted AS c
  LEFT JOIN correlated AS k ON k.source = c.source AND k.day_at = c.day_at
  UNION ALL
  SELECT c.source, c.day_at, 'seasonality', k.observed, 0.26e0, NULL, coalesce(k.evidence, 0),
    'no resource has 21 of the last 28 days of CPU, or it does not vary'
  FROM counted AS c
  LEFT JOIN seasonal AS k ON k.source = c.source AND k.day_at = c.day_at
  UNION ALL
  SELECT c.source, c.day_at, 'separability', k.observed, 0.14e0, NULL, coalesce(k.evidence, 0),
    'fewer than two server types with three resources of 21 days in the last 28, or they do not vary'
  FROM counted AS c
  LEFT JOIN separated AS k ON k.source = c.source AND k.day_at = c.day_at
)
SELECT
  source AS source,
  day_at AS ts,
  check_name AS check_name,
  CASE WHEN observed IS NOT NULL THEN observed >= coalesce(least, observed) AND observed <= coalesce(most, observed) END AS success,
  observed AS observed,
  least AS least,
  most AS most,
  evidence AS evidence,
  CASE WHEN observed IS NULL THEN lacks END AS reason
FROM checked
