-- inputs.rule_record: what following each version of a rule would have come to, over the windows that had ended by a moment.
--
-- Reads   gold.recommendation_backtest
-- Params  :since, :as_of   windows whose last day lies in [since, as_of), UTC
-- Window  0 days
SELECT
  rule_id AS rule_id,
  rule_version AS rule_version,
  sum(changes) AS changes,
  sum(violating) AS violating,
  cast(sum(cast(promised_usd AS decimal(38, 6))) AS double) AS promised_usd,
  cast(sum(cast(saved_usd AS decimal(38, 6))) AS double) AS saved_usd
FROM gold.recommendation_backtest
WHERE ts >= :since AND ts < :as_of AND NOT is_reference
GROUP BY rule_id, rule_version
ORDER BY rule_id, rule_version
