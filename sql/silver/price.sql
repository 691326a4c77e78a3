-- silver.price: list prices, each from the moment it is valid.
--
-- Reads   views.price_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- Of a moment that was landed again the latest landing counts; a refused row does not stand in its way. A price holds until the
-- next one of its item: there is no row for the days between. `landings` is how many of its day were there to choose from: a day
-- that has others by now is built again by the next run.
WITH landed AS (
  SELECT
    day, source, ts, service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, hypervisor, burstable,
    instance_store, gpu, coremark, rule, load_id, ingested_at, sequence,
    dense_rank() OVER (PARTITION BY day ORDER BY sequence, load_id) AS landing
  FROM views.price_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date)
),
counted AS (
  SELECT
    source, ts, service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, hypervisor, burstable,
    instance_store, gpu, coremark, rule, load_id, ingested_at, sequence,
    max(landing) OVER (PARTITION BY day) AS landings
  FROM landed
),
ranked AS (
  SELECT
    source, ts, service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, hypervisor, burstable,
    instance_store, gpu, coremark, landings,
    row_number() OVER (
      PARTITION BY service, region, item, unit, ts ORDER BY sequence DESC, ingested_at DESC, load_id DESC, price_usd DESC
    ) AS recency
  FROM counted
  WHERE rule IS NULL AND ts >= :start AND ts < :end
)
SELECT
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
  hypervisor AS hypervisor,
  burstable AS burstable,
  instance_store AS instance_store,
  gpu AS gpu,
  coremark AS coremark,
  landings AS landings
FROM ranked
WHERE recency = 1
