-- inputs.rule_record: what following each version of a rule would have come to, over the windows that had ended by a moment.
--
-- Reads   gold.recommendation_backtest
-- Params  :since, :as_of   windows whose last day lies in [since, as_of), UTC
-- Window  0 days
--
-- What is compared with the rules, `is_reference`, has no version.
SELECT
  rule_id AS rule_id,
  rule_version AS rule_version,
  is_reference AS is_reference,
  sum(resources) AS resources,
  sum(changes) AS changes,
  sum(violating) AS violating,
  cast(sum(cast(promised_usd AS decimal(38, 6))) AS double) AS promised_usd,
  cast(sum(cast(saved_usd AS decimal(38, 6))) AS double) AS saved_usd
FROM gold.recommendation_backtest
WHERE ts >= :since AND ts < :as_of
GROUP BY rule_id, rule_version, is_reference
ORDER BY is_reference, rule_id, rule_version
