-- silver.dataset_quality: how good the metric samples of one source are on one UTC day, in five shares and their mean.
--
-- Reads   views.metric_point
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Shares are of rows as they landed, but for completeness, which is of the periods that a day of each series has, and timeliness, which
-- is of the rows that count: those that landed within a day of their UTC day's end, whatever the hour at which the day is ingested. What
-- is ingested long afterwards is late. A day is rated when it is built: what lands of it later is seen by a rebuild alone. How long a
-- period is, is said by the rows that count; by all only where none does.
WITH landed AS (
  SELECT
    source, series_id, date_trunc('day', ts) AS day_at, ts, rule,
    coalesce(
      min(CASE WHEN rule IS NULL THEN period_s END) OVER (PARTITION BY source, series_id, date_trunc('day', ts)),
      min(period_s) OVER (PARTITION BY source, series_id, date_trunc('day', ts))
    ) AS shortest_s,
    ingested_at <= date_trunc('day', ts) + INTERVAL '2' DAY AS in_time
  FROM views.metric_point
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date) AND ts >= :start AND ts < :end AND period_s >= 1
),
of_series AS (
  SELECT
    source, series_id, day_at,
    count(*) AS landed_rows,
    count(*) FILTER (WHERE rule = 'superseded') AS superseded_rows,
    count(*) FILTER (WHERE rule IN ('second_unit', 'second_statistic')) AS inconsistent_rows,
    count(*) FILTER (WHERE rule IS NULL) AS accepted_rows,
    count(*) FILTER (WHERE rule IS NULL AND in_time) AS timely_rows,
    count(DISTINCT CASE WHEN rule IS NULL THEN ts END) AS periods,
    greatest(86400 / max(shortest_s), 1) AS expected_periods
  FROM landed
  GROUP BY source, series_id, day_at
),
counted AS (
  SELECT
    source, day_at,
    count(*) AS series,
    cast(sum(landed_rows) AS bigint) AS landed_rows,
    cast(sum(accepted_rows) AS bigint) AS accepted_rows,
    cast(sum(superseded_rows) AS bigint) AS superseded_rows,
    cast(sum(inconsistent_rows) AS bigint) AS inconsistent_rows,
    cast(sum(timely_rows) AS bigint) AS timely_rows,
    cast(sum(least(periods, expected_periods)) AS bigint) AS periods,
    cast(sum(expected_periods) AS bigint) AS expected_periods
  FROM of_series
  GROUP BY source, day_at
),
rated AS (
  SELECT
    source, day_at, series, landed_rows, accepted_rows,
    cast(periods AS double) / cast(nullif(expected_periods, 0) AS double) AS completeness_ratio,
    cast(accepted_rows + superseded_rows + inconsistent_rows AS double) / cast(nullif(landed_rows, 0) AS double) AS validity_ratio,
    cast(landed_rows - superseded_rows AS double) / cast(nullif(landed_rows, 0) AS double) AS uniqueness_ratio,
    coalesce(cast(timely_rows AS double) / cast(nullif(accepted_rows, 0) AS double), 0e0) AS timeliness_ratio,
    cast(landed_rows - inconsistent_rows AS double) / cast(nullif(landed_rows, 0) AS double) AS consistency_ratio
  FROM counted
)
SELECT
  source AS source,
  day_at AS ts,
  series AS series,
  landed_rows AS landed_rows,
  accepted_rows AS accepted_rows,
  completeness_ratio AS completeness_ratio,
  validity_ratio AS validity_ratio,
  uniqueness_ratio AS uniqueness_ratio,
  timeliness_ratio AS timeliness_ratio,
  consistency_ratio AS consistency_ratio,
  (completeness_ratio + validity_ratio + uniqueness_ratio + timeliness_ratio + consistency_ratio) / 5e0 AS score
FROM rated
