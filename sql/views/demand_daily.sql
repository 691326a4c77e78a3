-- views.demand_daily: demand by the day: what is forecast and scored, one row per series and day.
--
-- Reads   silver.metric_daily, silver.cost_daily
--
-- `value` is the p95 of the day, at most 100 of a percentage, null where a source gives none; of cost it is the effective cost of
-- usage in US dollars, or what is billed where a bill states none. A day of which less than half was observed is left out: it says
-- too little about its peak. Cost is of an account, region and service, whose name is written in lower case with dashes; its
-- `bucket` is null. It is summed in decimals: a sum of doubles would depend on the order of the rows, and an unchanged day would look
-- changed.
SELECT
  series_id AS series_id,
  metric AS metric,
  unit AS unit,
  'day' AS granularity,
  ts AS ts,
  CASE WHEN unit = 'percent' THEN least(p95, 100e0) ELSE p95 END AS value,
  bucket AS bucket
FROM silver.metric_daily
WHERE quality_flag = 0
UNION ALL
SELECT
  concat_ws('/', account, region, regexp_replace(lower(service), '[^a-z0-9._-]+', '-'), 'cost') AS series_id,
  'cost' AS metric,
  'usd' AS unit,
  'day' AS granularity,
  ts AS ts,
  cast(sum(cast(coalesce(effective_cost, billed_cost) AS decimal(38, 9))) AS double) AS value,
  cast(NULL AS bigint) AS bucket
FROM silver.cost_daily
WHERE charge_category = 'Usage' AND currency = 'USD' AND coalesce(effective_cost, billed_cost) IS NOT NULL
GROUP BY concat_ws('/', account, region, regexp_replace(lower(service), '[^a-z0-9._-]+', '-'), 'cost'), ts
