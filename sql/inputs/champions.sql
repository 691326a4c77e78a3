-- inputs.champions: how the forecasters that serve did in the newest training's backtest, beside the seasonal naive.
--
-- Reads   gold.promotion, gold.model_metric
-- Params  :as_of   decisions and trainings not after this moment, UTC
-- Window  400 days
--
-- A segment in whose newest training what serves took no part is left out. The last decision of a segment is the one with the
-- highest fence, whatever its date. `champion` is `none` where what serves did not pass the gates.
WITH ranked AS (
  SELECT metric, granularity, champion, coalesce(serves, champion) AS serves, row_number() OVER (PARTITION BY metric, granularity ORDER BY fence DESC) AS recency
  FROM gold.promotion
  WHERE as_of <= :as_of AND as_of >= :as_of - INTERVAL '400' DAY
)
SELECT
  c.metric AS metric,
  c.granularity AS granularity,
  c.champion AS champion,
  c.serves AS serves,
  m.series AS series,
  m.mase AS mase,
  n.mase AS naive_mase,
  m.skill AS skill,
  m.coverage_80 AS coverage_80
FROM ranked AS c
JOIN gold.model_metric AS m ON m.metric = c.metric AND m.granularity = c.granularity AND m.model = c.serves
JOIN gold.model_metric AS n
  ON n.metric = c.metric AND n.granularity = c.granularity AND n.as_of = m.as_of AND n.model = 'seasonal_naive'
WHERE c.recency = 1 AND m.as_of = (
  SELECT max(as_of) FROM gold.model_metric WHERE as_of <= :as_of AND as_of >= :as_of - INTERVAL '400' DAY
)
ORDER BY c.metric, c.granularity
