-- views.resource_judged: every row of an inventory, judged.
--
-- Reads   bronze.resource_snapshot
--
-- `rule` is null for a row that counts, otherwise the rule that refuses it. An inventory that is landed again supersedes nothing
-- here: all its rows are good, and silver.resource takes the latest load of a day. Names are those that landing made safe. Filter
-- by `day`: it prunes files.
WITH named AS (
  SELECT
    day, source, ts, service, instance_type, state, launched_at, tags_json, load_id, ingested_at,
    coalesce(json_extract_scalar(made_safe, '$.account'), account) AS account,
    coalesce(json_extract_scalar(made_safe, '$.region'), region) AS region,
    coalesce(json_extract_scalar(made_safe, '$.resource_id'), resource_id) AS resource_id,
    coalesce(sequence, 0) AS sequence
  FROM bronze.resource_snapshot
)
SELECT
  day AS day,
  source AS source,
  account AS account,
  region AS region,
  resource_id AS resource_id,
  ts AS ts,
  service AS service,
  instance_type AS instance_type,
  state AS state,
  launched_at AS launched_at,
  tags_json AS tags_json,
  CASE
    WHEN NOT regexp_like(
        concat(concat_ws(' ', account, region, resource_id), ' '),
        '^(([A-Za-z0-9]|%[2-9A-F][0-9A-F])([A-Za-z0-9._:/@+=-]|%[2-9A-F][0-9A-F])* ){3}\z'
      ) OR strpos(concat_ws(' ', account, region, resource_id), '..') > 0 OR length(concat_ws(' ', account, region, resource_id)) > 512 THEN 'bad_identifier'
    WHEN try(json_parse(tags_json)) IS NULL THEN 'bad_tags'
  END AS rule,
  load_id AS load_id,
  ingested_at AS ingested_at,
  sequence AS sequence
FROM named
