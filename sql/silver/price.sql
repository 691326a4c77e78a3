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
  SELECT day, count(DISTINCT concat(load_id, '.', cast(sequence AS varchar))) AS landings
  FROM views.price_judged
  WHERE day >= cast(:start AS date) AND day <= cast(:end AS date)
  GROUP BY day
),
ranked AS (
  SELECT
    day, source, ts, service, region, item, unit, price_usd, vcpu, memory_gib, arch, network_mbps, ebs_mbps, hypervisor, burstable,
    instance_store, gpu, coremark,
    row_number() OVER (
      PARTITION BY service, region, item, unit, ts ORDER BY sequence DESC, ingested_at DESC, load_id DESC, price_usd DESC
    ) AS recency
  FROM views.price_judged
  WHERE rule IS NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
)
SELECT
  r.source AS source,
  r.ts AS ts,
  r.service AS service,
  r.region AS region,
  r.item AS item,
  r.unit AS unit,
  r.price_usd AS price_usd,
  r.vcpu AS vcpu,
  r.memory_gib AS memory_gib,
  r.arch AS arch,
  r.network_mbps AS network_mbps,
  r.ebs_mbps AS ebs_mbps,
  r.hypervisor AS hypervisor,
  r.burstable AS burstable,
  r.instance_store AS instance_store,
  r.gpu AS gpu,
  r.coremark AS coremark,
  l.landings AS landings
FROM ranked AS r
JOIN landed AS l ON l.day = r.day
WHERE r.recency = 1
