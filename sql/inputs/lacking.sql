-- inputs.lacking: what one run had not: rows of a source that had delivered before, what must be known to recommend anything, and
-- segments that could not be forecast.
--
-- Reads   gold.quality_result
-- Params  :as_of   of the run
-- Window  0 days
--
-- Two tables that are built from the same missing rows say so in the same words: a sentence is here once.
SELECT DISTINCT note AS note
FROM gold.quality_result
WHERE as_of = :as_of AND NOT success AND regexp_like(rule, '^(landed|known|forecast)[(]')
ORDER BY note
