-- gold.recommendation_status: where each recommendation of the last 32 days stands, one row per run and recommendation.
--
-- Reads   gold.recommendation, gold.savings
-- Params  :start, :end   the run's data interval; recommendations of runs up to its end count
-- Window  32 days, gold.savings 0 days
--
-- What was followed is implemented, verified or regressed, as gold.savings of the same run found; it stands here for as long as its
-- saving is followed, also where it was seen longer ago. Asked again after the change, it is what it was asked as; a machine
-- with a schedule is quiet all the same.
-- A recommendation that three runs have not seen is expired: whatever it was about is done, gone, or not so any more. Until then it
-- stands where it last stood, so that one day without data ends nothing.
WITH asked AS (
  SELECT
    as_of, recommendation_id, rule_id, account, region, resource_id, action, status, answer_reason, savings_monthly_usd,
    row_number() OVER (PARTITION BY recommendation_id ORDER BY as_of DESC) AS recency,
    min(as_of) OVER (PARTITION BY recommendation_id) AS seen_at,
    min(first_seen_at) OVER (PARTITION BY recommendation_id) AS first_seen_at,
    count(*) OVER (PARTITION BY recommendation_id) AS times_seen
  FROM gold.recommendation
  WHERE status IS NOT NULL AND as_of > date_add('day', -32, :start) AND as_of <= :end
),
runs AS (
  SELECT DISTINCT as_of
  FROM gold.recommendation
  WHERE as_of > date_add('day', -32, :start) AND as_of <= :end
),
missed AS (
  SELECT a.recommendation_id, count(r.as_of) AS runs
  FROM asked AS a
  LEFT JOIN runs AS r ON r.as_of > a.as_of
  WHERE a.recency = 1
  GROUP BY a.recommendation_id
),
followed AS (
  SELECT
    recommendation_id, rule_id, account, region, resource_id, action, status, first_seen_at, last_seen_at, times_seen,
    promised_monthly_usd, changed_on
  FROM gold.savings
  WHERE as_of = :end AND status IS NOT NULL
)
SELECT
  :end AS as_of,
  a.recommendation_id AS recommendation_id,
  a.rule_id AS rule_id,
  a.account AS account,
  a.region AS region,
  a.resource_id AS resource_id,
  a.action AS action,
  CASE
    WHEN f.status IS NOT NULL AND (a.as_of <= f.changed_on OR a.action = 'schedule') THEN f.status
    WHEN m.runs >= 3 THEN 'expired'
    WHEN m.runs > 0 AND a.status = 'new' THEN 'open'
    ELSE a.status
  END AS status,
  a.answer_reason AS answer_reason,
  coalesce(a.first_seen_at, a.seen_at) AS first_seen_at,
  a.as_of AS last_seen_at,
  a.times_seen AS times_seen,
  a.savings_monthly_usd AS savings_monthly_usd
FROM asked AS a
JOIN missed AS m ON m.recommendation_id = a.recommendation_id
LEFT JOIN followed AS f ON f.recommendation_id = a.recommendation_id
WHERE a.recency = 1
UNION ALL
SELECT
  :end AS as_of,
  f.recommendation_id AS recommendation_id,
  f.rule_id AS rule_id,
  f.account AS account,
  f.region AS region,
  f.resource_id AS resource_id,
  f.action AS action,
  f.status AS status,
  cast(NULL AS varchar) AS answer_reason,
  f.first_seen_at AS first_seen_at,
  f.last_seen_at AS last_seen_at,
  f.times_seen AS times_seen,
  f.promised_monthly_usd AS savings_monthly_usd
FROM followed AS f
LEFT JOIN asked AS a ON a.recommendation_id = f.recommendation_id AND a.recency = 1
WHERE a.recommendation_id IS NULL
