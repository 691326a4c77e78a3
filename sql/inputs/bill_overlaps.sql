-- inputs.bill_overlaps: which exports of one source, billing period, provider and payer charge one resource for one day.
--
-- Reads   views.billing_charge, views.bill_load
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- What belongs to no resource is told by its service, usage and category. Each pair stands once, the first by name first.
WITH touched AS (
  SELECT DISTINCT
    c.source, c.export, c.billing_period, c.provider, c.payer, c.account, date_trunc('day', c.ts) AS ts,
    CASE WHEN c.resource_id <> 'none' THEN c.resource_id ELSE concat_ws(' ', c.service, c.usage_type, c.charge_category) END AS thing
  FROM views.billing_charge AS c
  INNER JOIN views.bill_load AS l
    ON l.load_id = c.load_id AND l.ingested_at = c.ingested_at AND l.billing_period = c.billing_period AND l.recency = 1
  WHERE c.day >= cast(:start AS date) AND c.day <= cast(:end AS date) AND c.billing_period >= :start AND c.billing_period < :end
    AND l.day >= cast(:start AS date) AND l.day <= cast(:end AS date)
)
SELECT
  a.source AS source,
  a.billing_period AS billing_period,
  a.provider AS provider,
  a.payer AS payer,
  a.export AS export,
  b.export AS other,
  count(*) AS common
FROM touched AS a
INNER JOIN touched AS b
  ON b.source = a.source AND b.billing_period = a.billing_period AND b.provider = a.provider AND b.payer = a.payer
  AND b.account = a.account AND b.ts = a.ts AND b.thing = a.thing AND b.export > a.export
GROUP BY a.source, a.billing_period, a.provider, a.payer, a.export, b.export
