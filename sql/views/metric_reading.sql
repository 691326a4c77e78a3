-- views.metric_reading: every metric sample in canonical name and unit, with the rule that refuses it and how many replaced it.
--
-- Reads   bronze.metric_sample
--
-- What can be said of a sample without the rest of its day: filter by `day` and `ts`, both prune. `refused` is null for a good row;
-- `recency` is 1 for the one of its series, statistic, period and moment that was landed last, of the good ones and of the refused
-- ones apart: a refused row never supersedes a good one. A payload that was landed twice counts as its later landing. Of several
-- sources that say something of one moment it is not the last, which would be chance: what the estate reported comes before what
-- others measured, that before what is replayed, and that before what is made up; of one kind the source that is first by name. Names
-- are those that landing made safe. A container service (service/…) may use more CPU than it reserved: up to 1,000 % is kept.
WITH landed AS (
  SELECT
    day, source, statistic, period_s, ts, value, unit, load_id, ingested_at,
    coalesce(json_extract_scalar(made_safe, '$.account'), account) AS account,
    coalesce(json_extract_scalar(made_safe, '$.region'), region) AS region,
    coalesce(json_extract_scalar(made_safe, '$.resource_id'), resource_id) AS resource_id,
    coalesce(json_extract_scalar(made_safe, '$.metric'), metric) AS metric,
    metric AS source_metric,
    coalesce(sequence, 0) AS sequence,
    max(coalesce(sequence, 0)) OVER (PARTITION BY day, load_id, ts) AS latest
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
  value AS value,
  refused AS refused,
  row_number() OVER (
    PARTITION BY day, account, region, resource_id, metric, statistic, period_s, ts, refused IS NULL
    ORDER BY
      CASE source WHEN 'alibaba_v2018' THEN 1 WHEN 'trace' THEN 1 WHEN 'samples' THEN 2 WHEN 'fleet' THEN 3 ELSE 0 END,
      source, sequence DESC, ingested_at DESC, load_id DESC, source_value DESC
  ) AS recency,
  source_metric AS source_metric,
  source_unit AS source_unit,
  source_value AS source_value,
  load_id AS load_id,
  ingested_at AS ingested_at
FROM judged
