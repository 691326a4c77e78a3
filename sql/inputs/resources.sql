-- inputs.resources: what each resource was when it was last seen before a moment.
--
-- Reads   silver.resource
-- Params  :since, :as_of   resources seen in [since, as_of), UTC
-- Window  0 days
--
-- A resource is its newest row, whole: a label that this row lacks was taken off, and an older row's does not stand in for it.
-- views.resource_current says the same of all that is known.
WITH ranked AS (
  SELECT
    account, region, resource_id, ts, service, instance_type, state, launched_at,
    app_name, business_unit, criticality, server_type, environment, tags_json,
    row_number() OVER (PARTITION BY account, region, resource_id ORDER BY ts DESC) AS recency
  FROM silver.resource
  WHERE ts >= :since AND ts < :as_of
)
SELECT
  account AS account,
  region AS region,
  resource_id AS resource_id,
  ts AS ts,
  service AS service,
  instance_type AS instance_type,
  state AS state,
  launched_at AS launched_at,
  app_name AS app_name,
  business_unit AS business_unit,
  criticality AS criticality,
  server_type AS server_type,
  environment AS environment,
  tags_json AS tags_json
FROM ranked
WHERE recency = 1
ORDER BY account, region, resource_id
