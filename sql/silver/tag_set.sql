-- silver.tag_set: the tags of the lines that count, each set once in a billing period.
--
-- Reads   views.billing_charge, silver.bill, silver.charge_daily
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- Two texts of one set differ in the order of their keys alone; the first by its letters stands for both. Which lines are refused is not
-- asked again, for a bill of millions is judged for minutes: a set counts where something is charged with it.
SELECT
  c.billing_period AS billing_period,
  c.source AS source,
  c.tag_set AS tag_set,
  min(c.tags) AS tags_json
FROM views.billing_charge AS c
INNER JOIN silver.bill AS b
  ON b.load_id = c.load_id AND b.ingested_at = c.ingested_at AND b.provider = c.provider AND b.payer = c.payer
INNER JOIN (
  SELECT DISTINCT billing_period, source, tag_set FROM silver.charge_daily WHERE billing_period >= :start AND billing_period < :end
) AS charged
  ON charged.billing_period = c.billing_period AND charged.source = c.source AND charged.tag_set = c.tag_set
WHERE b.superseded_by IS NULL
  AND b.billing_period >= :start AND b.billing_period < :end
  AND c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
  AND c.billing_period >= :start AND c.billing_period < :end
GROUP BY c.billing_period, c.source, c.tag_set
