-- inputs.unit_charges: what usage cost, and how much of what it was, by day, account and service: vCPU hours, GB-months, requests.
--
-- Reads   silver.charge_daily, silver.resource, silver.price, silver.metric_daily
-- Params  :start, :end   whole months of bills, UTC, half-open
--         :metrics   whose requests a metric counts, as `,service=metric,service=metric,`; an empty text is nobody's
-- Window  31 days, silver.charge_daily 0 days, silver.metric_daily 0 days, silver.price always
--
-- Of usage without corrections. A vCPU hour is an hour that an instance runs, times its vCPUs: by the type that the usage type names,
-- else by that of the resource on the day, unless resources of one name have several; `db.` and `cache.` types have the vCPUs of the
-- instance type that they are named after. What a bill itself counts in vCPU hours is taken so where it is compute (Fargate, EMR
-- Serverless): surcharges and credits of instances are counted in them, too. A usage type that is only an SKU counts where it is the
-- hours of a resource with a type. Requests are what the metric counts in the bill's month, of all resources in the account, all cost
-- of the service on such a day against them. `left_out_cost` is what the same service cost beside `cost`, in that account on that day:
-- also unused commitment, hours of types that nobody knows, and days without a unit, where there are units on others of the same bill.
-- Cost is effective, billed where a bill states none.
WITH charge AS (
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service, region, quantity,
    coalesce(effective_cost, billed_cost) AS cost,
    usage_type,
    lower(unit) AS counted_in,
    regexp_replace(resource_id, '^.*[/:]', '') AS resource,
    nullif(regexp_extract(usage_type, ':((db[.]|cache[.])?[a-z0-9-]+[.][a-z0-9-]+)\z', 1), '') AS named_type,
    commitment_id <> 'none' AND (pricing_category <> 'Committed' OR resource_id = commitment_id) AS is_unused
  FROM silver.charge_daily
  WHERE billing_period >= :start AND billing_period < :end
    AND charge_category = 'Usage' AND charge_class = 'none'
),
typed AS (
  SELECT
    account, region, regexp_replace(resource_id, '^.*[/:]', '') AS resource, ts,
    CASE WHEN min(instance_type) = max(instance_type) THEN max(instance_type) END AS instance_type
  FROM silver.resource
  WHERE ts >= :start - INTERVAL '31' DAY AND ts < :end AND instance_type IS NOT NULL
  GROUP BY account, region, regexp_replace(resource_id, '^.*[/:]', ''), ts
),
sized AS (
  SELECT item, try_cast(round(max(vcpu)) AS decimal(10, 0)) AS vcpu
  FROM silver.price
  WHERE vcpu > 0 AND ts < :end
  GROUP BY item
),
measured AS (
  SELECT
    c.billing_period, c.source, c.provider, c.payer, c.currency, c.ts, c.account, c.service, c.cost, c.quantity, s.vcpu,
    CASE
      WHEN c.is_unused OR coalesce(c.quantity, 0) <= 0 THEN 'other'
      WHEN regexp_like(c.counted_in, '^gi?b[- ]?mo(nth)?s?\z') THEN 'gb_month'
      WHEN regexp_like(c.counted_in, '^(vcpu[- ])?h(ou)?rs?\z')
        AND regexp_like(c.usage_type, '(Fargate|EMR-SERVERLESS)(-ARM|-Windows)?-vCPU-?Hours') THEN 'vcpu'
      WHEN c.counted_in IN ('hrs', 'hours', 'hour') AND s.vcpu IS NOT NULL AND regexp_like(
        c.usage_type, '(^|[-:])(BoxUsage|SpotUsage|DedicatedUsage|InstanceUsage|Multi-AZUsage|NodeUsage)(:|\z)|^[A-Z0-9]{8,}([.][A-Z0-9]+)*\z'
      ) THEN 'instance'
      ELSE 'other'
    END AS counted
  FROM charge AS c
  LEFT JOIN typed AS t ON t.account = c.account AND t.region = c.region AND t.resource = c.resource AND t.ts = c.ts
  LEFT JOIN sized AS s ON s.item = regexp_replace(coalesce(c.named_type, t.instance_type), '^(db|cache)[.]', '')
),
summed AS (
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service,
    sum(cost) AS whole_cost,
    sum(CASE WHEN counted IN ('vcpu', 'instance') THEN cost END) AS vcpu_cost,
    sum(CASE counted WHEN 'vcpu' THEN quantity WHEN 'instance' THEN try_cast(quantity * vcpu AS decimal(38, 12)) END) AS vcpu_hours,
    sum(CASE WHEN counted = 'gb_month' THEN cost END) AS stored_cost,
    sum(CASE WHEN counted = 'gb_month' THEN quantity END) AS gb_months
  FROM measured
  GROUP BY billing_period, source, provider, payer, currency, ts, account, service
),
requested AS (
  SELECT
    account, metric, ts,
    try_cast(sum(cast(coalesce(total, mean * cast(samples AS double)) AS decimal(38, 6))) AS decimal(38, 12)) AS requests
  FROM silver.metric_daily
  WHERE ts >= :start AND ts < :end AND unit = 'count' AND strpos(:metrics, concat('=', metric, ',')) > 0
  GROUP BY account, metric, ts
),
served AS (
  SELECT
    s.billing_period, s.source, s.provider, s.payer, s.currency, s.ts, s.account, s.service, s.whole_cost,
    r.requests AS requests,
    CASE WHEN r.requests IS NOT NULL THEN s.whole_cost END AS request_cost
  FROM summed AS s
  LEFT JOIN requested AS r
    ON r.account = s.account AND r.ts = s.ts AND s.ts >= s.billing_period
      AND strpos(:metrics, concat(',', s.service, '=', r.metric, ',')) > 0
),
every AS (
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service, 'vcpu_hour' AS per, vcpu_hours AS quantity, vcpu_cost AS cost,
    whole_cost, sum(vcpu_hours) OVER (PARTITION BY billing_period, source, provider, payer, currency, account, service) AS in_period
  FROM summed
  UNION ALL
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service, 'gb_month' AS per, gb_months AS quantity, stored_cost AS cost,
    whole_cost, sum(gb_months) OVER (PARTITION BY billing_period, source, provider, payer, currency, account, service) AS in_period
  FROM summed
  UNION ALL
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service, 'request' AS per, requests AS quantity, request_cost AS cost,
    whole_cost, sum(requests) OVER (PARTITION BY billing_period, source, provider, payer, currency, account, service) AS in_period
  FROM served
),
kept AS (
  SELECT
    billing_period, source, provider, payer, currency, ts, account, service, per, whole_cost,
    coalesce(quantity, 0) AS quantity,
    coalesce(cost, 0) AS cost
  FROM every
  WHERE in_period > 0
)
SELECT
  billing_period AS billing_period,
  source AS source,
  provider AS provider,
  payer AS payer,
  currency AS currency,
  ts AS ts,
  account AS account,
  service AS service,
  per AS per,
  quantity AS quantity,
  cost AS cost,
  whole_cost - cost AS left_out_cost,
  cast(cost AS double) / nullif(cast(quantity AS double), 0e0) AS unit_cost,
  CASE WHEN whole_cost > 0 THEN cast(whole_cost - cost AS double) / nullif(cast(whole_cost AS double), 0e0) END AS left_out_ratio
FROM kept
ORDER BY billing_period, source, provider, payer, currency, ts, account, service, per
