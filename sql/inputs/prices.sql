-- inputs.prices: the newest list price of each item that was known at a moment.
--
-- Reads   silver.price
-- Params  :as_of   prices from before this moment, UTC
-- Window  silver.price always
--
-- A price holds until the next one, however long ago it was listed: `price_as_of` is when. The table has a row
-- per price list that names it, not one a day. Instances that run something else than Linux are of `inputs.other_prices`: there are
-- ten times as many.
WITH ranked AS (
  SELECT
    service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, coremark, burstable, hypervisor,
    gpu, instance_store, ts AS price_as_of,
    row_number() OVER (PARTITION BY service, region, item, unit ORDER BY ts DESC) AS recency
  FROM silver.price
  WHERE ts < :as_of AND service NOT IN ('ec2_other', 'savings_plan_other')
)
SELECT
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
  price_as_of AS price_as_of
FROM ranked
WHERE recency = 1
ORDER BY service, region, item, unit
