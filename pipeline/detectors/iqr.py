"""Distance beyond the quartiles of the last seven days, in interquartile ranges: the box plot's rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import Detection, announce, arrival_clock, finite, smallest_scale

HISTORY = "7D"
ALERT_RANGES = 1.5


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> Detection:
    """Score each value by how far it lies outside the quartiles of the preceding seven days.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.

    Returns:
        An alert at 1.5 interquartile ranges beyond a quartile; `expected` is the median.

    Raises:
        ValueError: a missing timestamp.

    Source: Tukey (1977), Exploratory Data Analysis, inner fences.
    """
    clock, observed = arrival_clock(ts), finite(values)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock)).rolling(HISTORY, closed="left", min_periods=4)
    lower, expected, upper = (past.quantile(q).to_numpy(dtype=np.float64, copy=True) for q in (0.25, 0.5, 0.75))
    beyond = np.maximum(np.maximum(lower - observed, observed - upper), 0.0)
    # Mostly flat series have an interquartile range of zero; the standard deviation then says what is usual.
    spread = np.fmax(np.where(upper > lower, upper - lower, past.std()), smallest_scale(expected))
    excess = beyond / (ALERT_RANGES * spread)
    return Detection(announce(excess, clock, observed), expected)
