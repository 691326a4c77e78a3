-- silver.resource: what each resource is, by the day.
--
-- Reads   views.resource_judged
-- Params  :start, :end   the run's data interval, UTC, half-open
-- Window  0 days
--
-- An inventory may be landed again; the latest load of a day wins.
WITH ranked AS (
  SELECT
    account, region, resource_id, date_trunc('day', ts) AS ts, service, instance_type, state, launched_at, tags_json,
    row_number() OVER (
      PARTITION BY account, region, resource_id, date_trunc('day', ts)
      ORDER BY sequence DESC, ingested_at DESC, load_id DESC, ts DESC
    ) AS recency
  FROM views.resource_judged
  WHERE rule IS NULL
    AND day >= cast(:start AS date) AND day <= cast(:end AS date)
    AND ts >= :start AND ts < :end
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
  json_extract_scalar(tags_json, '$.app_name') AS app_name,
  json_extract_scalar(tags_json, '$.business_unit') AS business_unit,
  json_extract_scalar(tags_json, '$.criticality') AS criticality,
  json_extract_scalar(tags_json, '$.server_type') AS server_type,
  json_extract_scalar(tags_json, '$.environment') AS environment,
  tags_json AS tags_json
FROM ranked
WHERE recency = 1
