-- inputs.price_changes: every list price of some instance types that was known before a moment, by the day from which it is known.
--
-- Reads   silver.price
-- Params  :as_of   prices from before this moment, UTC
--         :items   instance types, a space before and behind each
-- Window  silver.price always
SELECT region AS region, item AS item, ts AS ts, price_usd AS price_usd
FROM silver.price
WHERE service = 'ec2' AND unit = 'hour' AND ts < :as_of AND price_usd > 0e0 AND strpos(:items, concat(' ', item, ' ')) > 0
ORDER BY region, item, ts
