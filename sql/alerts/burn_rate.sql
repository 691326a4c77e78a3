-- alerts.burn_rate: a service uses up the errors that it may make, many times too fast
--
-- Reads   silver.metric_5min
-- Params  :end   end of the run's data interval
--         :alert_error_budget_pct   a setting
-- Window  1 days
-- Rhythm  monitor
-- Severity  critical, warning
-- Behind  service_now
-- Means   Requests fail; at this pace the failures that a month allows are used up in days, and people notice.
-- Do      See which answers fail and since when; take back what was deployed then, or move traffic away from what fails.
--
-- Over a long window and a short one the share of requests that fail, as a multiple of what may fail: both must be above the same
-- factor, so that a burst that is over tells nobody, and what goes on is told within minutes. The windows and factors are those of
-- Google's Site Reliability Workbook, chapter 5, for a budget of 30 days: 14.4 over an hour and five minutes (2 % of the month), 6
-- over six hours and half an hour (5 %), 3 over a day and two hours (10 %, a warning). Five minutes count by their requests, where
-- all of a window say how many, else alike. Where it is known that one request failed at most, and where less than half of the long
-- window has passed since the first sample in it, that is no message.
WITH tier AS (
  SELECT 14.4e0 AS factor, 60 AS long_min, 5 AS short_min, 'critical' AS severity, 1 AS place
  UNION ALL SELECT 6e0, 360, 30, 'critical', 2
  UNION ALL SELECT 3e0, 1440, 120, 'warning', 3
),
asked AS (
  SELECT account, region, resource_id, ts, cast(round(mean * cast(samples AS double)) AS bigint) AS requests
  FROM silver.metric_5min
  WHERE ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND ts < :end AND metric = 'request_count' AND mean IS NOT NULL
),
failed AS (
  SELECT e.account, e.region, e.resource_id, e.ts, cast(e.mean AS decimal(18, 6)) AS pct, r.requests
  FROM silver.metric_5min AS e
  LEFT JOIN asked AS r ON r.account = e.account AND r.region = e.region AND r.resource_id = e.resource_id AND r.ts = e.ts
  WHERE e.ts >= cast(:end AS timestamp) - INTERVAL '1' DAY AND e.ts < :end
    AND e.metric = 'error_rate' AND e.unit = 'percent' AND e.mean IS NOT NULL
),
summed AS (
  SELECT
    f.account, f.region, f.resource_id, t.factor, t.severity, t.place,
    2 * date_diff('minute', min(f.ts), cast(:end AS timestamp)) >= t.long_min AS is_long,
    count(*) AS periods, count(f.requests) AS counted,
    sum(f.pct) AS pct, sum(f.pct * cast(f.requests AS decimal(18, 0))) AS pct_of_requests, sum(f.requests) AS requests,
    count(CASE WHEN f.ts >= date_add('minute', -t.short_min, cast(:end AS timestamp)) THEN 1 END) AS short_periods,
    count(CASE WHEN f.ts >= date_add('minute', -t.short_min, cast(:end AS timestamp)) THEN f.requests END) AS short_counted,
    sum(CASE WHEN f.ts >= date_add('minute', -t.short_min, cast(:end AS timestamp)) THEN f.pct END) AS short_pct,
    sum(CASE WHEN f.ts >= date_add('minute', -t.short_min, cast(:end AS timestamp))
      THEN f.pct * cast(f.requests AS decimal(18, 0)) END) AS short_pct_of_requests,
    sum(CASE WHEN f.ts >= date_add('minute', -t.short_min, cast(:end AS timestamp)) THEN f.requests END) AS short_requests,
    min(CASE WHEN cast(f.pct AS double) >= t.factor * :alert_error_budget_pct THEN f.ts END) AS since
  FROM failed AS f
  JOIN tier AS t ON f.ts >= date_add('minute', -t.long_min, cast(:end AS timestamp))
  GROUP BY f.account, f.region, f.resource_id, t.factor, t.severity, t.place, t.long_min
),
burnt AS (
  SELECT
    account, region, resource_id, factor, severity, place, since,
    CASE WHEN counted = periods AND requests > 0 THEN cast(pct_of_requests AS double) / 100e0 END AS failures,
    CASE WHEN counted = periods AND requests > 0
      THEN cast(pct_of_requests AS double) / nullif(cast(requests AS double), 0e0)
      ELSE cast(pct AS double) / nullif(cast(periods AS double), 0e0) END AS long_pct,
    CASE WHEN short_counted = short_periods AND short_requests > 0
      THEN cast(short_pct_of_requests AS double) / nullif(cast(short_requests AS double), 0e0)
      ELSE cast(short_pct AS double) / nullif(cast(short_periods AS double), 0e0) END AS short_pct
  FROM summed
  WHERE is_long
),
fired AS (
  SELECT
    account, region, resource_id, factor, severity, since, long_pct, short_pct,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY place) AS rank
  FROM burnt
  WHERE long_pct > factor * :alert_error_budget_pct AND short_pct > factor * :alert_error_budget_pct
    AND coalesce(failures, 2e0) > 1.5e0
)
SELECT
  concat_ws('/', account, region, resource_id) AS subject,
  'error budget now' AS cause,
  severity AS severity,
  since AS since,
  round(long_pct / nullif(cast(:alert_error_budget_pct AS double), 0e0), 6) AS observed,
  factor AS expected,
  'times the error budget' AS measured_in,
  concat(
    'Requests that fail (error_rate): ', cast(cast(round(long_pct, 3) AS decimal(9, 3)) AS varchar), ' %, and ',
    cast(cast(round(short_pct, 3) AS decimal(9, 3)) AS varchar), ' % lately.'
  ) AS detail,
  cast(NULL AS varchar) AS depends_on
FROM fired
WHERE rank = 1
