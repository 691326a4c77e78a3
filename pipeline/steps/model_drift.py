"""What the ledger says about drift as of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.forecasting.drift import Limits, judge
from pipeline.inputs.drift import read_evidence, trained_at
from pipeline.quality.conform import conform
from pipeline.tables.forecasts import DRIFT

if TYPE_CHECKING:
    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings


def model_drift(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """Rows of `gold.drift` as of the interval's end: the last 28 days of scores against the 28 before."""
    as_of = interval.as_of
    rows = judge(read_evidence(lake, as_of), trained_at(lake, as_of), as_of, limits(settings))
    return conform(DRIFT.frame(rows), DRIFT, interval)


def limits(settings: Settings) -> Limits:
    """The settings' word on what drift is."""
    return Limits(
        pinball_ratio=settings.drift_pinball_ratio,
        coverage_90=settings.drift_coverage_90,
        psi=settings.drift_psi,
        retrain_after_days=settings.retrain_after_days,
        cooldown_days=settings.retrain_cooldown_days,
    )
