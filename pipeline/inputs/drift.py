"""Drift, judged by the evidence in the ledger of scores."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.forecasting.drift import Limits, judge
from pipeline.inputs import ask, read
from pipeline.tables.forecasts import DRIFT

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from pipeline.interval import Interval
    from pipeline.lake import Lake
    from pipeline.settings import Settings

WINDOW = timedelta(days=28)


def model_drift(interval: Interval, lake: Lake, settings: Settings) -> pd.DataFrame:
    """Rows of `gold.drift` as of the interval's end: the last 28 days of scores against the 28 before."""
    as_of = interval.as_of
    return DRIFT.frame(judge(read_evidence(lake, as_of), trained_at(lake, as_of), as_of, limits(settings)))


def limits(settings: Settings) -> Limits:
    """The settings' word on what drift is."""
    return Limits(
        pinball_ratio=settings.drift_pinball_ratio,
        coverage_90=settings.drift_coverage_90,
        psi=settings.drift_psi,
        retrain_after_days=settings.retrain_after_days,
        cooldown_days=settings.retrain_cooldown_days,
    )


def read_evidence(lake: Lake, as_of: datetime) -> pd.DataFrame:
    """How well each segment was forecast in the last 28 days and in the 28 before, counted in bins of the error."""
    return read(lake, "drift_evidence", before=as_of - 2 * WINDOW, since=as_of - WINDOW, as_of=as_of)


def trained_at(lake: Lake, as_of: datetime) -> datetime | None:
    """The as-of of the newest training before `as_of`, if there is one."""
    newest: datetime | None = ask(lake, "newest_training", as_of=as_of)["trained_at"][0].as_py()
    return newest
