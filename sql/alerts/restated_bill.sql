-- alerts.restated_bill: a bill that was closed is said otherwise
--
-- Reads   silver.cost_restatement
-- Params  :start, :end   the run's data interval, UTC, half-open
--         :alert_restated_cost   a setting
-- Window  400 days
-- Severity  warning
-- Ends    untold
-- Means   What was booked, charged on or reported of that month is no longer what the provider says.
-- Do      See its services in views.cost_restated_monthly; ask the provider why, and book or charge on the difference.
--
-- What was landed within the interval counts, so that each landing is told by one run, that of the day on which it came. A bill is told
-- where its services and accounts moved by `alert_restated_cost` together, up or down, in its own currency; what a later landing of the
-- interval takes back has not moved. Of several exports of one bill the one that moved most is told, and of billed and
-- amortised cost what moved more.
WITH landed AS (
  SELECT
    billing_period, source, export, provider, payer, currency, account, service, first_seen_at, new_billed, new_effective,
    billed_delta, effective_delta,
    row_number() OVER (
      PARTITION BY billing_period, source, export, provider, payer, currency, account, service ORDER BY first_seen_at DESC
    ) AS recency
  FROM silver.cost_restatement
  WHERE month >= cast(date_trunc('month', :start - INTERVAL '400' DAY) AS date) AND month < cast(:end AS date)
    AND billing_period >= :start - INTERVAL '400' DAY AND billing_period < :end
    AND first_seen_at >= :start AND first_seen_at < :end
),
part AS (
  SELECT
    billing_period, source, export, provider, payer, currency, account, service, min(first_seen_at) AS since,
    sum(billed_delta) AS billed_delta, sum(effective_delta) AS effective_delta,
    sum(CASE WHEN recency = 1 THEN coalesce(new_billed, 0) END) AS billed,
    sum(CASE WHEN recency = 1 THEN coalesce(new_effective, 0) END) AS effective
  FROM landed
  GROUP BY billing_period, source, export, provider, payer, currency, account, service
),
bill AS (
  SELECT
    billing_period, source, export, provider, payer, currency, min(since) AS since,
    count(CASE WHEN billed_delta <> 0 OR effective_delta <> 0 THEN 1 END) AS parts,
    cast(sum(abs(billed_delta)) AS double) AS billed_moved, cast(sum(abs(effective_delta)) AS double) AS effective_moved,
    cast(sum(billed) AS double) AS billed, cast(sum(billed) - sum(billed_delta) AS double) AS billed_before,
    cast(sum(effective) AS double) AS effective, cast(sum(effective) - sum(effective_delta) AS double) AS effective_before
  FROM part
  GROUP BY billing_period, source, export, provider, payer, currency
),
placed AS (
  SELECT
    billing_period, source, export, provider, payer, currency, since, parts, billed_moved, effective_moved, billed, billed_before,
    effective, effective_before,
    row_number() OVER (
      PARTITION BY billing_period, provider, payer, currency
      ORDER BY greatest(billed_moved, effective_moved) DESC, source, export
    ) AS place
  FROM bill
)
SELECT
  'bill of ' || substr(cast(billing_period AS varchar), 1, 7) || ', ' || concat_ws('/', provider, payer) || ', ' || currency AS subject,
  'restatement' AS cause,
  'warning' AS severity,
  since AS since,
  CASE WHEN billed_moved >= effective_moved THEN billed ELSE effective END AS observed,
  CASE WHEN billed_moved >= effective_moved THEN billed_before ELSE effective_before END AS expected,
  currency AS measured_in,
  CASE WHEN billed_moved >= effective_moved THEN 'Billed' ELSE 'Amortised' END
    || ' cost of what changed; services by account: ' || cast(parts AS varchar) || ', which moved by '
    || cast(cast(round(greatest(billed_moved, effective_moved)) AS bigint) AS varchar) || ' in all; export ' || source || ' ' || export
    || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM placed
WHERE place = 1 AND greatest(billed_moved, effective_moved) >= :alert_restated_cost
