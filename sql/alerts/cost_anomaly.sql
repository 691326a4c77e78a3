-- alerts.cost_anomaly: a part of a bill costs unusually much
--
-- Reads   gold.cost_anomaly
-- Params  :start   start of the run's data interval
--         :as_of   its end
--         :alert_cost_impact   setting
-- Window  0 days
-- Severity  warning, info
-- Means   Something is used, or left running, that was not before; every day of it is paid.
-- Do      See the first of its causes: who owns that resource, and what changed on the first day; end it, or announce it in the file
--         that `planned_costs` names, or say so with `cost answer`.
--
-- What went on in the last week is told from its impact on, in the currency of its bill: over its days for
-- what is over, which is an information, as for what costs unusually little. Of several of one part the one with the most is told; a
-- resource is a part of its own, for of two that hide each other one costs more and is to be looked at, the other less.
WITH told AS (
  SELECT
    provider, payer, currency, account, service, usage_type, resource_id,
    first_day, days, is_open, actual_cost, expected_cost, impact_cost,
    coalesce(json_extract_scalar(causes_json, '$[0].resource_id'), 'none') AS first_cause,
    row_number() OVER (
      PARTITION BY provider, payer, currency, account, service, usage_type, resource_id
      ORDER BY abs(impact_cost) DESC, first_day, anomaly_id
    ) AS place
  FROM gold.cost_anomaly
  WHERE as_of = :as_of AND last_day >= :start - INTERVAL '7' DAY AND abs(impact_cost) >= :alert_cost_impact
    AND answer IS NULL
)
SELECT
  concat_ws('/', provider, payer, account, service, usage_type, resource_id) AS subject,
  'cost' AS cause,
  CASE WHEN is_open AND impact_cost > 0 THEN 'warning' ELSE 'info' END AS severity,
  first_day AS since,
  actual_cost AS observed,
  expected_cost AS expected,
  currency AS measured_in,
  'Days: ' || cast(days AS varchar) || CASE WHEN is_open THEN ', and it goes on' ELSE ', and it is over' END
    || CASE WHEN first_cause = 'none' THEN '' ELSE '; first cause: ' || first_cause END || '.' AS detail,
  cast(NULL AS varchar) AS depends_on
FROM told
WHERE place = 1
