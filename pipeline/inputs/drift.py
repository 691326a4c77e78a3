"""Drift, judged by the evidence in the ledger of scores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.forecasting.drift import Limits, judge
from pipeline.tables.forecasts import DRIFT

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

WINDOW = timedelta(days=28)
# Only the first day or week ahead: later lead times come with a pipeline's age, and their errors are not drift. An error beyond
# ten seasonal changes counts as ten, so that one series which stood still does not speak for its segment.
EVIDENCE = """
WITH scored AS (
  SELECT
    metric, granularity, ts >= :since AS recent, hit_80, hit_90,
    error / scale AS error, least(pinball / scale, 10e0) AS pinball, least(abs_error / scale, 10e0) AS abs_error,
    least(naive_abs_error / scale, 10e0) AS naive
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
"""
# Only trainings before it count, so that a run repeated later says the same.
TRAINED = "SELECT max(as_of) AS trained_at FROM gold.model_metric WHERE as_of < :as_of"


def model_drift(interval: Interval, lake: Lake, settings: Settings) -> pd.DataFrame:
    """Rows of `gold.drift` as of the interval's end: the last 28 days of scores against the 28 before."""
    as_of = interval.as_of
    bounds = {"before": as_of - 2 * WINDOW, "since": as_of - WINDOW, "as_of": as_of}
    evidence = lake.query(EVIDENCE, bounds).to_pandas()
    return DRIFT.frame(judge(evidence, trained_at(lake, as_of), as_of, limits(settings)))


def limits(settings: Settings) -> Limits:
    """The settings' word on what drift is."""
    return Limits(
        pinball_ratio=settings.drift_pinball_ratio,
        coverage_90=settings.drift_coverage_90,
        psi=settings.drift_psi,
        retrain_after_days=settings.retrain_after_days,
        cooldown_days=settings.retrain_cooldown_days,
    )


def trained_at(lake: Lake, as_of: datetime) -> datetime | None:
    """The as-of of the newest training before `as_of`, if there is one."""
    newest: datetime | None = lake.query(TRAINED, {"as_of": as_of})["trained_at"].to_pylist()[0]
    return newest
