-- views.capacity_risk_current: which series are about to cross their thresholds, as of the newest run.
--
-- Reads   gold.capacity_risk, views.resource_current
--
-- One row per series, granularity and threshold; `priority` orders what to look at first. Labels are the resource's newest. A
-- chance is null where the forecast does not reach that far. A series that is too new to forecast is `unknown`, with the reason.
WITH newest AS (
  SELECT max(as_of) AS as_of FROM gold.capacity_risk
)
SELECT
  k.as_of AS as_of,
  k.series_id AS series_id,
  n.resource_id AS resource_id,
  k.metric AS metric,
  k.granularity AS granularity,
  k.threshold_pct AS threshold_pct,
  k.risk_level AS risk_level,
  k.priority AS priority,
  k.first_crossing_at AS first_crossing_at,
  date_diff('day', k.as_of, k.first_crossing_at) AS days_to_crossing,
  k.p_cross_7d AS p_cross_7d,
  k.p_cross_30d AS p_cross_30d,
  k.p_cross_90d AS p_cross_90d,
  k.p_surprise_30d AS p_surprise_30d,
  k.headroom_ratio AS headroom_ratio,
  k.peak_p95 AS peak_p95,
  k.peak_at AS peak_at,
  k.seasonal_peak_p95 AS seasonal_peak_p95,
  k.seasonal_peak_at AS seasonal_peak_at,
  n.service AS service,
  n.app_name AS app_name,
  n.business_unit AS business_unit,
  n.criticality AS criticality,
  k.reason AS reason
FROM gold.capacity_risk AS k
JOIN newest AS w ON w.as_of = k.as_of
LEFT JOIN views.resource_current AS n ON concat_ws('/', n.account, n.region, n.resource_id, k.metric) = k.series_id
