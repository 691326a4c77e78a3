-- views.metric_point: every metric sample in canonical name and unit, judged.
--
-- Reads   views.metric_reading
--
-- `rule` is null for the one row per series, statistic and period that counts; 'superseded' for a good row that a later landing
-- replaced, or a source that comes before its own (views.metric_reading); otherwise the rule that refuses the row. A refused row never
-- supersedes a good one. A payload that was landed twice counts as its later landing. Names are those that landing made safe. A series
-- has one unit a day, that of most of its rows; rows in another are refused. So are a day's sums of a series that has averages too,
-- and the averages where what is counted are bytes or events: the two mean different things, and are never mixed. What is counted is
-- counted by the shortest of the periods that a series has that day: of a longer one as much as falls on the shortest. A container
-- service (service/…) may use more CPU than it reserved: up to 1,000 % is kept. Filter by `day`: it prunes files.
WITH counted AS (
  SELECT
    day, source, account, region, resource_id, statistic, period_s, ts, load_id, ingested_at,
    source_metric, source_unit, source_value, metric, unit, value, refused, recency,
    sum(CASE WHEN refused IS NULL AND recency = 1 THEN 1 ELSE 0 END) OVER (
      PARTITION BY day, account, region, resource_id, metric, unit
    ) AS in_unit,
    min(CASE WHEN refused IS NULL AND recency = 1 AND statistic IN ('average', 'sum') THEN period_s END) OVER (
      PARTITION BY day, account, region, resource_id, metric, unit
    ) AS shortest_s,
    max(CASE WHEN refused IS NULL AND recency = 1 AND statistic = 'sum' THEN 1 ELSE 0 END) OVER (
      PARTITION BY day, account, region, resource_id, metric, unit
    ) AS has_sum,
    max(CASE WHEN refused IS NULL AND recency = 1 AND statistic = 'average' THEN 1 ELSE 0 END) OVER (
      PARTITION BY day, account, region, resource_id, metric, unit
    ) AS has_average
  FROM views.metric_reading
),
settled AS (
  SELECT
    day, source, account, region, resource_id, statistic, period_s, ts, load_id, ingested_at,
    source_metric, source_unit, source_value, metric, unit, value, refused, recency, shortest_s, has_sum, has_average,
    first_value(unit) OVER (
      PARTITION BY day, account, region, resource_id, metric ORDER BY in_unit DESC, unit
    ) AS commonest
  FROM counted
)
SELECT
  day AS day,
  source AS source,
  concat_ws('/', account, region, resource_id, metric) AS series_id,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  metric AS metric,
  unit AS unit,
  statistic AS statistic,
  period_s AS period_s,
  ts AS ts,
  CASE
    WHEN period_s > shortest_s AND unit IN ('count', 'usd') AND (statistic = 'sum' OR lower(source_unit) = 'count/second')
      THEN value * cast(shortest_s AS double) / cast(period_s AS double)
    ELSE value
  END AS value,
  CASE
    WHEN refused IS NOT NULL THEN refused
    WHEN recency > 1 THEN 'superseded'
    WHEN unit <> commonest THEN 'second_unit'
    WHEN statistic = 'sum' AND has_average = 1 AND lower(source_unit) NOT IN ('bytes', 'count') THEN 'second_statistic'
    WHEN statistic = 'average' AND has_sum = 1 AND lower(source_unit) IN ('bytes', 'count') THEN 'second_statistic'
  END AS rule,
  source_metric AS source_metric,
  source_unit AS source_unit,
  source_value AS source_value,
  load_id AS load_id,
  ingested_at AS ingested_at
FROM settled
