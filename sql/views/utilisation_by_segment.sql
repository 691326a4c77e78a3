-- views.utilisation_by_segment: utilisation by business unit, criticality, region and server type, over all days.
--
-- Reads   views.server_metrics
--
-- `segment_kind` says which label the row is about; rows of one kind add up to the fleet, rows of two kinds must not be added.
-- `days_over_80` are server days whose cpu p95 lay above 80 percent.
WITH labelled AS (
  SELECT
    k.segment_kind,
    coalesce(
      CASE k.segment_kind
        WHEN 'business_unit' THEN m.business_unit
        WHEN 'criticality' THEN m.criticality
        WHEN 'region' THEN m.region
        ELSE m.server_type
      END,
      'unknown'
    ) AS segment,
    m.server_id, m.cpu_p95, m.mem_p95, m.disk_p95
  FROM views.server_metrics AS m
  CROSS JOIN (VALUES ('business_unit'), ('criticality'), ('region'), ('server_type')) AS k (segment_kind)
)
SELECT
  segment_kind AS segment_kind,
  segment AS segment,
  count(DISTINCT server_id) AS servers,
  count(*) AS server_days,
  avg(cpu_p95) AS cpu_mean,
  max(cpu_p95) AS cpu_highest,
  avg(mem_p95) AS mem_mean,
  max(mem_p95) AS mem_highest,
  avg(disk_p95) AS disk_mean,
  count(*) FILTER (WHERE cpu_p95 > 80e0) AS days_over_80
FROM labelled
GROUP BY segment_kind, segment
