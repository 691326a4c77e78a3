-- gold.run_stat: what each step of a run took, at its latest execution.
--
-- Reads   bronze.run_event
-- Params  :start, :end   the run's data interval; events carry its end as `ts`
-- Window  0 days
--
-- Runs of parts of a day, which the DAG `monitor` makes, are left out: see views.monitor_latency.
-- Telemetry: it changes with every execution, and comparisons of content leave it out.
WITH ranked AS (
  SELECT
    ts, start_at, step, target, shard, outcome, rows, wall_s, cpu_s, peak_rss_mib, ingested_at,
    row_number() OVER (PARTITION BY ts, start_at, step, target, shard ORDER BY ingested_at DESC, load_id DESC) AS recency
  FROM bronze.run_event
  WHERE day = cast(:end AS date) AND ts = :end AND start_at <= ts - INTERVAL '1' DAY
)
SELECT
  ts AS as_of,
  start_at AS start_at,
  step AS step,
  target AS target,
  shard AS shard,
  outcome AS outcome,
  rows AS rows,
  wall_s AS wall_s,
  cpu_s AS cpu_s,
  peak_rss_mib AS peak_rss_mib,
  ingested_at AS finished_at
FROM ranked
WHERE recency = 1
