-- inputs.gravest_incidents: the incidents of one run, the gravest first; without what people dismissed, planned or refuted.
--
-- Reads   gold.anomaly
-- Params  :as_of   of the run
-- Window  0 days
--
-- Of equally grave ones those that still go on come first, then those furthest from what was expected as a share of capacity.
SELECT
  resource_id AS resource_id,
  metrics AS metrics,
  metric AS metric,
  unit AS unit,
  started_at AS started_at,
  hours AS hours,
  is_open AS is_open,
  value AS value,
  expected AS expected,
  severity AS severity,
  coalesce(kind, 'deviation') AS kind,
  confidence AS confidence
FROM gold.anomaly
WHERE as_of = :as_of AND coalesce(answer, '') NOT IN ('dismissed', 'planned') AND coalesce(label, '') <> 'refuted'
ORDER BY CASE severity WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END, is_open DESC,
  coalesce(impact_ratio, 0e0) DESC, score DESC, started_at DESC, anomaly_id
