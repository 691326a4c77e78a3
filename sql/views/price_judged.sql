-- views.price_judged: every row of a price list, judged.
--
-- Reads   bronze.price
--
-- `rule` is null for a row that counts, otherwise the rule that refuses it: a price is a number, not negative, and below a million
-- dollars. A price list that is landed again replaces its moment: silver.price takes the latest. Filter by `day`: it prunes files.
SELECT
  day AS day,
  source AS source,
  ts AS ts,
  service AS service,
  region AS region,
  item AS item,
  unit AS unit,
  price_usd AS price_usd,
  vcpu AS vcpu,
  memory_gib AS memory_gib,
  arch AS arch,
  network_mbps AS network_mbps,
  ebs_mbps AS ebs_mbps,
  coremark AS coremark,
  burstable AS burstable,
  hypervisor AS hypervisor,
  gpu AS gpu,
  instance_store AS instance_store,
  CASE WHEN price_usd IS NULL OR is_nan(price_usd - price_usd) OR price_usd < 0e0 OR price_usd >= 1e6 THEN 'bad_price' END AS rule,
  load_id AS load_id,
  ingested_at AS ingested_at,
  coalesce(sequence, 0) AS sequence
FROM bronze.price
