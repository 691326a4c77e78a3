"""What is unlike any stretch of the last weeks: the left matrix profile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge, smallest_scale, usual_of_hour
from pipeline.anomalies.learned import USUALLY_HIGHEST
from pipeline.anomalies.profile import left_profile

_LEAST_TIME, _LEAST_DISTANCES, _TINY = np.timedelta64(7, "D"), 48, 1e-9


class Options(BaseModel):
    """How long a shape is, with what it is compared, and when it is unlike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_samples: int = Field(24, ge=4, le=1000, description="Samples of a stretch whose shape is compared.")
    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    alert_ratio: float = Field(
        1.25, ge=0.5, le=100, description="Distance that is an alert, as a multiple of the 99th percentile of those before it."
    )
    by_shape: bool = Field(
        False, description="Compare shapes whatever their height and level, as the profile is usually defined, instead of values."
    )
    least_ratio: float = Field(
        0.1,
        ge=0,
        le=2,
        description="That percentile counts as this share of the level at least; by shape, of the root of `window_samples`.",
    )


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how unlike the stretch that it ends is to every earlier stretch of four weeks.

    Values are compared as they are, so that a known level, peak or day is known when it comes back; or shapes alone, whatever
    their height.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed, and a stretch is counted in samples.
        values: the series in any unit; NaN is missing and scores 0, and the last known value stands for it in a stretch.
        options: length, memory and thresholds.

    Returns:
        An alert at 1.25 times the 99th percentile of the distances before it by default, as long as what is unlike is in the
        stretch. `expected` is the usual value of the hour. Nothing is judged before a week was seen, and 48 distances after it.

    Raises:
        ValueError: a missing timestamp.

    Source: Yeh et al. (2016), Matrix Profile I: all pairs similarity joins for time series; its left half, which is causal.
    """
    clock, observed = arrival_clock(ts), finite(values)
    filled = np.asarray(pd.Series(observed).ffill(), dtype=np.float64)
    past = pd.Series(filled)
    level = past.abs().rolling(options.window_samples, min_periods=1).mean().to_numpy(dtype=np.float64)
    oldest = np.searchsorted(clock, clock - np.timedelta64(options.history_days, "D")).astype(np.int64)
    floor = smallest_scale(level)
    distance = left_profile(filled, oldest, options.window_samples, floor, options.by_shape)
    if len(clock):
        # Where little is known, everything is far from it.
        distance[clock - clock[0] < _LEAST_TIME] = np.nan
    before = pd.Series(distance, index=pd.DatetimeIndex(clock)).rolling(
        f"{options.history_days}D", closed="left", min_periods=_LEAST_DISTANCES
    )
    usual = before.quantile(USUALLY_HIGHEST).to_numpy(dtype=np.float64)
    # Of shapes the distance has no unit.
    least = options.least_ratio * (np.sqrt(options.window_samples) if options.by_shape else level) + _TINY
    excess = distance / (options.alert_ratio * np.fmax(usual, least))
    expected, _ = usual_of_hour(ts, clock, observed, f"{options.history_days}D")
    return judge(clock, observed, np.where(np.isnan(usual) | np.isnan(observed), np.nan, excess), expected)
