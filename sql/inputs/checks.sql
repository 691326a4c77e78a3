-- inputs.checks: the checks of one run, and segments that the newest training could not train, which are named until the next one.
--
-- Reads   gold.quality_result
-- Params  :as_of   of the run
-- Window  400 days
--
-- `lacks` are those that say what the run had not: rows of a source that had delivered before, rows that were refused, what must be
-- known to recommend anything, and segments of which a step failed. Two tables that are built from the same missing rows say so in
-- the same words.
SELECT
  as_of AS as_of, table_name AS table_name, subject AS subject, rule AS rule, shard AS shard, severity AS severity,
  success AS success, rows AS rows, failed_rows AS failed_rows, score AS score, note AS note,
  NOT success AND regexp_like(rule, '^(landed|left_out|known|failed)[(]') AS lacks
FROM gold.quality_result
WHERE as_of = :as_of OR (
  as_of < :as_of AND table_name = 'gold.model_metric' AND regexp_like(rule, '^failed[(]')
  AND as_of = (
    SELECT max(as_of) FROM gold.quality_result
    WHERE table_name = 'gold.model_metric' AND as_of <= :as_of AND as_of > :as_of - INTERVAL '400' DAY
  )
)
ORDER BY as_of, table_name, subject, rule, shard
