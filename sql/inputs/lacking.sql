-- inputs.lacking: what one run had not: rows of a source that had delivered before, rows that were refused, what must be known to
-- recommend anything, and segments of which a step failed.
--
-- Reads   gold.quality_result
-- Params  :as_of   of the run
-- Window  400 days
--
-- Two tables that are built from the same missing rows say so in the same words: a sentence is here once. A segment that the newest
-- training could not train is named until the next one.
SELECT DISTINCT note AS note
FROM gold.quality_result
WHERE as_of <= :as_of AND as_of > :as_of - INTERVAL '400' DAY AND NOT success AND regexp_like(rule, '^(landed|left_out|known|failed)[(]')
  AND (as_of = :as_of OR (table_name = 'gold.model_metric' AND as_of = (
    SELECT max(as_of) FROM gold.quality_result WHERE table_name = 'gold.model_metric' AND as_of <= :as_of AND as_of > :as_of - INTERVAL '400' DAY
  )))
ORDER BY note
