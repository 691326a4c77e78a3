-- inputs.other_prices: the newest list price of some instance types with another system or tenancy than Linux on a shared one.
--
-- Reads   silver.price
-- Params  :as_of   prices from before this moment, UTC
--         :items   instance types, a space before and behind each
-- Window  silver.price always
--
-- On demand and under plans. An item is `m5.large Windows`, or `compute 1yr no_upfront: m5.large Windows`.
WITH ranked AS (
  SELECT
    service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, coremark, burstable, hypervisor,
    gpu, instance_store, ts AS price_as_of,
    row_number() OVER (PARTITION BY service, region, item, unit ORDER BY ts DESC) AS recency
  FROM silver.price
  WHERE ts < :as_of AND service IN ('ec2_other', 'savings_plan_other')
    AND strpos(:items, concat(' ', regexp_extract(item, '[a-z0-9-]+[.][a-z0-9-]+'), ' ')) > 0
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
