"""Distance from the mean of the last seven days, in standard deviations: the textbook detector, kept as a yardstick."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import Detection, announce, arrival_clock, finite, smallest_scale

HISTORY = "7D"
ALERT_DEVIATIONS = 3.0


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> Detection:
    """Score each value by its distance from the mean of the preceding seven days.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.

    Returns:
        An alert at three standard deviations; `expected` is the mean.

    Raises:
        ValueError: a missing timestamp.

    Source: the three-sigma rule.
    """
    clock, observed = arrival_clock(ts), finite(values)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock)).rolling(HISTORY, closed="left", min_periods=2)
    expected = past.mean().to_numpy(dtype=np.float64, copy=True)
    spread = np.maximum(past.std().to_numpy(dtype=np.float64), smallest_scale(expected))
    excess = np.abs(observed - expected) / (ALERT_DEVIATIONS * spread)
    return Detection(announce(excess, clock, observed), expected)
