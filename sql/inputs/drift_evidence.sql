-- inputs.drift_evidence: how well each segment was forecast lately and before, counted in bins of the error.
--
-- Reads   gold.forecast_score
-- Params  :before, :since, :as_of   lately is [since, as_of), before is [before, since), UTC
-- Window  0 days
--
-- Only the first day or week ahead: later lead times come with a pipeline's age, and their errors are not drift. An error beyond
-- ten seasonal changes counts as ten, so that one series which stood still does not speak for its segment. `bin` is null where an
-- error has no scale.
WITH scored AS (
  SELECT
    metric, granularity, ts >= :since AS recent, hit_80, hit_90,
    error / nullif(scale, 0e0) AS error, least(pinball / nullif(scale, 0e0), 10e0) AS pinball, least(abs_error / nullif(scale, 0e0), 10e0) AS abs_error,
    least(naive_abs_error / nullif(scale, 0e0), 10e0) AS naive
  FROM gold.forecast_score
  WHERE ts >= :before AND ts < :as_of AND day >= cast(:before AS date) AND day <= cast(:as_of AS date)
    AND lead <= CASE granularity WHEN 'hour' THEN 24 ELSE 7 END
),
binned AS (
  SELECT
    metric, granularity, recent, hit_80, hit_90, pinball, abs_error, naive,
    CASE
      WHEN error IS NULL THEN NULL
      WHEN error <= -2e0 THEN 0 WHEN error <= -1e0 THEN 1 WHEN error <= -0.5e0 THEN 2 WHEN error <= -0.25e0 THEN 3
      WHEN error <= 0e0 THEN 4 WHEN error <= 0.25e0 THEN 5 WHEN error <= 0.5e0 THEN 6 WHEN error <= 1e0 THEN 7
      WHEN error <= 2e0 THEN 8 ELSE 9
    END AS bin
  FROM scored
)
SELECT
  metric AS metric,
  granularity AS granularity,
  recent AS recent,
  bin AS bin,
  count(*) AS scored,
  count(*) FILTER (WHERE hit_80) AS hits_80,
  count(*) FILTER (WHERE hit_90) AS hits_90,
  count(naive) AS compared,
  cast(sum(cast(pinball AS decimal(38, 9))) FILTER (WHERE naive IS NOT NULL) AS double) AS pinball,
  cast(sum(cast(abs_error AS decimal(38, 9))) FILTER (WHERE naive IS NOT NULL) AS double) AS abs_error,
  cast(sum(cast(naive AS decimal(38, 9))) AS double) AS naive
FROM binned
GROUP BY metric, granularity, recent, bin
