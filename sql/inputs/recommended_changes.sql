-- inputs.recommended_changes: what runs recommended to change, to buy or to tag, one row per run and recommendation.
--
-- Reads   gold.recommendation
-- Params  :since, :as_of   runs in (since, as_of], UTC
-- Window  0 days
--
-- Questions are left out, and what is to be done about a commitment that there is. `off_hours_of_week` is of a schedule.
SELECT
  as_of AS as_of,
  recommendation_id AS recommendation_id,
  rule_id AS rule_id,
  account AS account,
  region AS region,
  service AS service,
  resource_id AS resource_id,
  action AS action,
  exclusive_group AS exclusive_group,
  current_config AS current_config,
  target_config AS target_config,
  status AS status,
  first_seen_at AS first_seen_at,
  monthly_cost_usd AS monthly_cost_usd,
  savings_monthly_usd AS savings_monthly_usd,
  portfolio_savings_usd AS portfolio_savings_usd,
  CASE WHEN action = 'schedule' THEN try_cast(json_extract_scalar(evidence_json, '$.observed.quiet_hours_of_week') AS double) END
    AS off_hours_of_week
FROM gold.recommendation
WHERE as_of > :since AND as_of <= :as_of AND month >= cast(date_trunc('month', :since) AS date)
  AND status IS NOT NULL AND exclusive_group IS NOT NULL
  AND (exclusive_group NOT IN ('commitment', 'tag') OR action IN ('purchase', 'tag'))
ORDER BY recommendation_id, as_of
