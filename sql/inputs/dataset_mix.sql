-- inputs.dataset_mix: how many resources each source delivered metrics of, as the newest run of the last week found.
--
-- Reads   gold.dataset_compat
-- Params  :as_of   the moment, UTC
-- Window  7 days
WITH newest AS (
  SELECT max(as_of) AS as_of
  FROM gold.dataset_compat
  WHERE as_of > date_add('day', -7, :as_of) AND as_of <= :as_of
)
SELECT
  c.source AS source,
  max(c.source_resources) AS resources,
  max(c.dataset_score) AS score
FROM gold.dataset_compat AS c
INNER JOIN newest AS n ON n.as_of = c.as_of
WHERE c.as_of > date_add('day', -7, :as_of) AND c.as_of <= :as_of
GROUP BY c.source
ORDER BY source
