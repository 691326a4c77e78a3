"""Distance from the usual value of this hour of the day, working days apart from weekends, in robust deviations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import Detection, announce, arrival_clock, finite, hour_of_day, past_median, smallest_scale

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
    hour, weekday = hour_of_day(ts), pd.DatetimeIndex(ts).dayofweek.to_numpy()
    phase = hour + 24 * (weekday >= 5)
    expected = past_median(clock, observed, phase, HISTORY)
    # A weekend hour has little history of its own at first; until then any day's same hour will do.
    expected = np.where(np.isnan(expected), past_median(clock, observed, hour, HISTORY), expected)
    distance = np.abs(observed - expected)
    local = past_median(clock, distance, phase, HISTORY)
    overall = pd.Series(distance, index=pd.DatetimeIndex(clock)).rolling(HISTORY, closed="left", min_periods=8).mean().to_numpy()
    # A series that is mostly flat has a MAD of zero, and calm nights a tiny one: the mean distance keeps both honest.
    spread = np.fmax(np.fmax(_SIGMA_PER_MAD * local, _SIGMA_PER_MEAN_DISTANCE * overall), smallest_scale(expected))
    excess = distance / (ALERT_DEVIATIONS * spread)
    return Detection(announce(excess, clock, observed), expected)
