-- views.rule_record: what following each rule would have saved and broken, over all windows of 30 days that are known.
--
-- Reads   gold.recommendation_backtest
--
-- A rule that is compared, `is_reference`, takes sizes of an instance's own family, and of all instances that have such; a
-- recommender chooses by all of its thresholds, and says nothing of what is not worth a change: compare the former with each other.
-- `held_pct` is what was saved of what was promised, `broken_pct` the share of changes that would have been taken back,
-- `added_hours_pct` that of the hours in which what was changed was missed. `stated` beside `observed` is the chance of it that was
-- said, beside how often it came true, of the changes of which one was said.
WITH summed AS (
  SELECT
    rule_id, rule_version, is_reference,
    count(*) AS windows,
    sum(resources) AS resources,
    sum(changes) AS changes,
    sum(violating) AS violating,
    cast(sum(cast(cost_before_usd AS decimal(38, 6))) AS double) AS cost_before_usd,
    cast(sum(cast(promised_usd AS decimal(38, 6))) AS double) AS promised_usd,
    cast(sum(cast(saved_usd AS decimal(38, 6))) AS double) AS saved_usd,
    cast(sum(hours) AS double) AS hours,
    cast(sum(added_hours) AS double) AS added_hours,
    cast(sum(chances) AS double) AS chances,
    cast(sum(cast(coalesce(stated, 0e0) * cast(chances AS double) AS decimal(38, 9))) AS double) AS stated,
    cast(sum(cast(coalesce(observed, 0e0) * cast(chances AS double) AS decimal(38, 9))) AS double) AS observed,
    min(origin_at) AS since,
    max(ts) AS last_day
  FROM gold.recommendation_backtest
  GROUP BY rule_id, rule_version, is_reference
)
SELECT
  rule_id AS rule_id,
  rule_version AS rule_version,
  is_reference AS is_reference,
  windows AS windows,
  resources AS resources,
  changes AS changes,
  violating AS violating,
  cost_before_usd AS cost_before_usd,
  promised_usd AS promised_usd,
  saved_usd AS saved_usd,
  1e2 * saved_usd / nullif(cost_before_usd, 0e0) AS saved_pct,
  1e2 * saved_usd / nullif(promised_usd, 0e0) AS held_pct,
  1e2 * cast(violating AS double) / nullif(cast(changes AS double), 0e0) AS broken_pct,
  1e2 * added_hours / nullif(hours, 0e0) AS added_hours_pct,
  stated / nullif(chances, 0e0) AS stated,
  observed / nullif(chances, 0e0) AS observed,
  since AS since,
  last_day AS last_day
FROM summed
