-- inputs.prices: the newest list price of each item that was known at a moment.
--
-- Reads   views.price_judged
-- Params  :as_of   prices from before this moment, UTC
--
-- A price holds until the next one, however long ago it was listed: `price_as_of` is when. A price list that is landed again
-- replaces its moment; a refused one does not.
WITH ranked AS (
  SELECT
    service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, coremark, burstable, hypervisor,
    gpu, instance_store, ts AS price_as_of,
    row_number() OVER (PARTITION BY service, region, item, unit ORDER BY ts DESC, sequence DESC, ingested_at DESC, load_id DESC) AS recency
  FROM views.price_judged
  WHERE rule IS NULL AND day <= cast(:as_of AS date) AND ts < :as_of
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
