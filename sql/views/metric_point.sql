-- views.metric_point: every metric sample in canonical name and unit, judged.
--
-- Reads   bronze.metric_sample
--
-- `rule` is null for the one row per series, statistic and period that counts; 'superseded' for a good row that a later landing
-- replaced; otherwise the rule that refuses the row. A refused row never supersedes a good one. A payload that was landed twice
-- counts as its later landing. Names are those that landing made safe. A series has one unit a day, that of most of its rows; rows
-- in another are refused. So are a day's sums of a series that has averages too, and the averages where what is counted are bytes or
-- events: the two mean different things, and are never mixed. What is counted is counted by the shortest of the periods that a series
-- has that day: of a longer one as much as falls on the shortest. A container service (service/…) may use more CPU than it reserved:
-- up to 1,000 % is kept. Filter by `day`: it prunes files.
WITH landed AS (
  SELECT
    day, source, statistic, period_s, ts, value, unit, load_id, ingested_at,
    coalesce(json_extract_scalar(made_safe, '$.account'), account) AS account,
    coalesce(json_extract_scalar(made_safe, '$.region'), region) AS region,
    coalesce(json_extract_scalar(made_safe, '$.resource_id'), resource_id) AS resource_id,
    coalesce(json_extract_scalar(made_safe, '$.metric'), metric) AS metric,
    metric AS source_metric,
    coalesce(sequence, 0) AS sequence,
    max(coalesce(sequence, 0)) OVER (PARTITION BY day, load_id) AS latest
  FROM bronze.metric_sample
),
named AS (
  SELECT
    day, source, account, region, resource_id, lower(statistic) AS statistic, period_s, ts, load_id, ingested_at, sequence,
    source_metric, unit AS source_unit, value AS source_value,
    CASE lower(metric)
      WHEN 'cpuutilization' THEN 'cpu_utilization'
      WHEN 'mem_used_percent' THEN 'memory_utilization'
      WHEN 'disk_used_percent' THEN 'disk_utilization'
      WHEN 'networkin' THEN 'network_in'
      WHEN 'networkout' THEN 'network_out'
      WHEN 'diskreadbytes' THEN 'disk_read'
      WHEN 'diskwritebytes' THEN 'disk_write'
      WHEN 'ebsreadbytes' THEN 'ebs_read'
      WHEN 'ebswritebytes' THEN 'ebs_write'
      WHEN 'memoryutilization' THEN 'memory_utilization'
      WHEN 'requestcount' THEN 'request_count'
      ELSE metric
    END AS metric,
    CASE lower(unit)
      WHEN 'percent' THEN 'percent'
      WHEN '%' THEN 'percent'
      WHEN 'ratio' THEN 'percent'
      WHEN 'bytes' THEN 'mbps'
      WHEN 'bytes/second' THEN 'mbps'
      WHEN 'mbps' THEN 'mbps'
      WHEN 'megabits/second' THEN 'mbps'
      WHEN 'count' THEN 'count'
      WHEN 'count/second' THEN 'count'
      WHEN 'milliseconds' THEN 'ms'
      WHEN 'ms' THEN 'ms'
      WHEN 'seconds' THEN 'ms'
      WHEN 's' THEN 'ms'
      WHEN 'usd' THEN 'usd'
    END AS unit,
    CASE lower(unit)
      WHEN 'ratio' THEN value * 100e0
      WHEN 'bytes' THEN value * 8e0 / 1e6 / cast(nullif(period_s, 0) AS double)
      WHEN 'bytes/second' THEN value * 8e0 / 1e6
      WHEN 'count/second' THEN value * cast(period_s AS double)
      WHEN 'seconds' THEN value * 1e3
      WHEN 's' THEN value * 1e3
      ELSE value
    END AS value
  FROM landed
  WHERE sequence = latest
),
judged AS (
  SELECT
    day, source, account, region, resource_id, statistic, period_s, ts, load_id, ingested_at, sequence,
    source_metric, source_unit, source_value, metric, unit, value,
    CASE
      WHEN NOT regexp_like(
          concat(concat_ws(' ', account, region, resource_id, metric), ' '),
          '^(([A-Za-z0-9]|%[2-9A-F][0-9A-F])([A-Za-z0-9._:/@+=-]|%[2-9A-F][0-9A-F])* ){4}\z'
        ) OR strpos(concat_ws(' ', account, region, resource_id, metric), '..') > 0 OR length(concat_ws(' ', account, region, resource_id, metric)) > 512 THEN 'bad_identifier'
      WHEN period_s < 1 OR period_s > 86400 THEN 'bad_period'
      WHEN unit IS NULL THEN 'unknown_unit'
      WHEN value IS NULL OR is_nan(value - value) THEN 'not_finite'
      WHEN abs(value) >= 1e24 THEN 'out_of_bounds'
      WHEN ts > ingested_at + INTERVAL '1' DAY THEN 'in_the_future'
      WHEN unit = 'percent' AND value < 0e0 THEN 'out_of_bounds'
      WHEN unit = 'percent' AND value > 100e0
        AND NOT (metric = 'cpu_utilization' AND resource_id LIKE 'service/%' AND value <= 1000e0) THEN 'out_of_bounds'
      WHEN unit IN ('mbps', 'count', 'ms') AND value < 0e0 THEN 'out_of_bounds'
    END AS refused
  FROM named
),
ranked AS (
  SELECT
    day, source, account, region, resource_id, statistic, period_s, ts, load_id, ingested_at,
    source_metric, source_unit, source_value, metric, unit, value, refused,
    row_number() OVER (
      PARTITION BY day, account, region, resource_id, metric, statistic, period_s, ts, refused IS NULL
      ORDER BY sequence DESC, ingested_at DESC, load_id DESC, source_value DESC
    ) AS recency
  FROM judged
),
counted AS (
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
  FROM ranked
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
