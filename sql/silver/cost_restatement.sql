-- silver.cost_restatement: what a closed billing period was said to cost, and is said to cost now, where that is another amount.
--
-- Reads   views.billing_charge, views.bill_load, views.billing_period
-- Params  :start, :end   whole months, UTC, half-open
-- Window  0 days
--
-- Two landings of an export that follow each other are compared by account and service, if the period was closed when the older one
-- came: the month was over, and each of its lines had an invoice, or two weeks had passed; or if it was said to be closed, by every
-- issuer of the newer one's lines, before that came. Whether the newer one counts makes no
-- difference: `silver.bill` is not read, for a landing that moved too much is held by refusing to build that. So each export stands for
-- itself, also one that another takes the place of (`superseded_by` of `silver.bill`). What the older landings said stays in bronze, and
-- `first_seen_at` is when the newer one came.
WITH late AS (
  SELECT l.source, l.export, l.billing_period, l.load_id, l.ingested_at, l.recency
  FROM views.bill_load AS l
  WHERE l.day >= cast(:start AS date) AND l.day <= cast(:end AS date)
    AND l.billing_period >= :start AND l.billing_period < :end
    AND l.ingested_at >= l.billing_period + INTERVAL '1' MONTH
),
invoiced AS (
  SELECT l.source, l.export, l.billing_period, l.load_id, l.ingested_at, l.recency
  FROM late AS l
  INNER JOIN views.billing_charge AS c
    ON c.load_id = l.load_id AND c.ingested_at = l.ingested_at AND c.billing_period = l.billing_period
  WHERE c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
  GROUP BY l.source, l.export, l.billing_period, l.load_id, l.ingested_at, l.recency
  HAVING count(*) FILTER (WHERE c.invoice_id IS NULL) = 0
    OR l.ingested_at >= l.billing_period + INTERVAL '1' MONTH + INTERVAL '14' DAY
),
said AS (
  SELECT l.load_id, l.ingested_at, l.billing_period
  FROM late AS l
  INNER JOIN views.billing_charge AS c
    ON c.load_id = l.load_id AND c.ingested_at = l.ingested_at AND c.billing_period = l.billing_period
  LEFT JOIN views.billing_period AS p
    ON p.day = c.day AND p.billing_period = c.billing_period AND p.issuer = c.issuer
  WHERE c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
  GROUP BY l.load_id, l.ingested_at, l.billing_period
  HAVING count(*) = count(CASE WHEN p.closed_at < l.ingested_at THEN 1 END)
),
pair AS (
  SELECT
    n.source, n.export, n.billing_period, n.ingested_at AS first_seen_at, o.load_id AS old_load, o.ingested_at AS old_at,
    n.load_id AS new_load, n.ingested_at AS new_at
  FROM late AS o
  INNER JOIN late AS n
    ON n.source = o.source AND n.export = o.export AND n.billing_period = o.billing_period AND n.recency = o.recency - 1
  LEFT JOIN invoiced AS i
    ON i.load_id = o.load_id AND i.ingested_at = o.ingested_at AND i.billing_period = o.billing_period
  LEFT JOIN said AS s
    ON s.load_id = n.load_id AND s.ingested_at = n.ingested_at AND s.billing_period = n.billing_period
  WHERE i.load_id IS NOT NULL OR s.load_id IS NOT NULL
),
side AS (
  SELECT source, export, billing_period, first_seen_at, old_load AS load_id, old_at AS ingested_at, 1 AS is_old
  FROM pair
  UNION ALL
  SELECT source, export, billing_period, first_seen_at, new_load AS load_id, new_at AS ingested_at, 0 AS is_old
  FROM pair
),
compared AS (
  SELECT
    s.source, s.export, s.billing_period, s.first_seen_at, c.provider, c.payer, c.currency, c.account, c.service,
    sum(CASE WHEN s.is_old = 1 THEN c.billed_cost END) AS old_billed,
    sum(CASE WHEN s.is_old = 0 THEN c.billed_cost END) AS new_billed,
    sum(CASE WHEN s.is_old = 1 THEN c.effective_cost END) AS old_effective,
    sum(CASE WHEN s.is_old = 0 THEN c.effective_cost END) AS new_effective
  FROM side AS s
  INNER JOIN views.billing_charge AS c
    ON c.load_id = s.load_id AND c.ingested_at = s.ingested_at AND c.billing_period = s.billing_period
  WHERE c.rule IS NULL AND c.day >= cast(:start AS date) AND c.day <= cast(:end AS date)
  GROUP BY s.source, s.export, s.billing_period, s.first_seen_at, c.provider, c.payer, c.currency, c.account, c.service
)
SELECT
  c.billing_period AS billing_period,
  c.source AS source,
  c.export AS export,
  c.provider AS provider,
  c.payer AS payer,
  c.currency AS currency,
  c.account AS account,
  c.service AS service,
  c.first_seen_at AS first_seen_at,
  c.old_billed AS old_billed,
  c.new_billed AS new_billed,
  coalesce(c.new_billed, 0) - coalesce(c.old_billed, 0) AS billed_delta,
  c.old_effective AS old_effective,
  c.new_effective AS new_effective,
  coalesce(c.new_effective, 0) - coalesce(c.old_effective, 0) AS effective_delta
FROM compared AS c
WHERE coalesce(c.new_billed, 0) <> coalesce(c.old_billed, 0) OR coalesce(c.new_effective, 0) <> coalesce(c.old_effective, 0)
