"""Distance from the usual value of this hour of the day, working days apart from weekends, in robust deviations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.detection import Detection, announce, arrival_clock, finite, smallest_scale

HISTORY = "28D"
ALERT_DEVIATIONS = 5.0
_SIGMA_PER_MAD = 1.4826
_SIGMA_PER_MEAN_DISTANCE = 1.2533


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> Detection:
    """Score each value against the same hour of the day in the preceding 28 days.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.

    Returns:
        An alert at five robust standard deviations; `expected` is the seasonal median.

    Raises:
        ValueError: a missing timestamp.

    Source: Hampel (1974) identifier on a seasonal median, as Twitter's S-H-ESD does, made causal.
    """
    clock, observed = arrival_clock(ts), finite(values)
    index = pd.DatetimeIndex(clock)
    hours = pd.DatetimeIndex(np.asarray(ts))
    phase = hours.hour.to_numpy() + 24 * (hours.dayofweek.to_numpy() >= 5)
    expected = _past_median_by(phase, observed, index)
    # A weekend hour has little history of its own at first; until then any day's same hour will do.
    expected = np.where(np.isnan(expected), _past_median_by(phase % 24, observed, index), expected)
    distance = np.abs(observed - expected)
    local = _past_median_by(phase, distance, index)
    overall = pd.Series(distance, index=index).rolling(HISTORY, closed="left", min_periods=8).mean().to_numpy()
    # A series that is mostly flat has a MAD of zero, and calm nights a tiny one: the mean distance keeps both honest.
    spread = np.fmax(np.fmax(_SIGMA_PER_MAD * local, _SIGMA_PER_MEAN_DISTANCE * overall), smallest_scale(expected))
    excess = distance / (ALERT_DEVIATIONS * spread)
    return Detection(announce(excess, clock, observed), expected)


def _past_median_by(
    phase: npt.NDArray[np.int64], values: npt.NDArray[np.float64], index: pd.DatetimeIndex
) -> npt.NDArray[np.float64]:
    """Median over the preceding rows of the same phase, NaN until there are three."""
    grouped = pd.Series(values, index=index).groupby(phase, sort=True).rolling(HISTORY, closed="left", min_periods=3)
    out = np.full(len(values), np.nan)
    out[np.argsort(phase, kind="stable")] = grouped.median().to_numpy(dtype=np.float64)
    return out
