-- views.resource_judged: every row of an inventory, judged.
--
-- Reads   bronze.resource_snapshot
--
-- `rule` is null for a row that counts, otherwise the rule that refuses it. An inventory that is landed again supersedes nothing
-- here: all its rows are good, and silver.resource takes the latest load of a day. Filter by `day`: it prunes files.
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
    WHEN NOT regexp_like(concat_ws('/', account, region, resource_id), '^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,511}$')
      OR strpos(resource_id, '..') > 0 THEN 'bad_identifier'
  END AS rule,
  load_id AS load_id,
  ingested_at AS ingested_at,
  coalesce(sequence, 0) AS sequence
FROM bronze.resource_snapshot
