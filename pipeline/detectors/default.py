"""Values unlike any of the last four weeks: how far to the nearest one, as a share of the range the series moves in."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.detection import Detection, announce, arrival_clock, finite, smallest_scale

HISTORY = np.timedelta64(28, "D")
RANGE_HISTORY = "14D"
ALERT_RANGE_RATIO = 0.06
ANNOUNCED = "1D"


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> Detection:
    """Score each value by its distance to the nearest value of the preceding 28 days.

    Every level, peak and lull that has been seen is normal, whenever it comes back; only what is new is not.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.

    Returns:
        An alert where the gap to any known value exceeds 6 % of the range between the 1st and 99th percentile of the
        preceding 14 days; `expected` is the nearest known value.

    Raises:
        ValueError: a missing timestamp.

    Source: nearest-neighbour novelty, as KNN-CAD in the Numenta Anomaly Benchmark, in one dimension.
    """
    clock, observed = arrival_clock(ts), finite(values)
    nearest = _nearest_known(clock, observed)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock)).rolling(RANGE_HISTORY, closed="left", min_periods=4)
    span = (past.quantile(0.99) - past.quantile(0.01)).to_numpy(dtype=np.float64)
    excess = np.abs(observed - nearest) / (ALERT_RANGE_RATIO * np.fmax(span, smallest_scale(nearest)))
    return Detection(announce(excess, clock, observed, ANNOUNCED), nearest)


def _nearest_known(clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """For each row the value of the preceding rows within `HISTORY` that is closest to its own; NaN without one."""
    nearest = np.full(len(values), np.nan)
    first_kept = np.searchsorted(clock, clock - HISTORY)
    known: list[float] = []
    oldest = 0
    # Python floats: bisect on them is several times faster than on numpy scalars.
    plain = values.tolist()
    for row, value in enumerate(plain):
        for expired in plain[oldest : first_kept[row]]:
            if expired == expired:
                del known[bisect_left(known, expired)]
        oldest = max(oldest, int(first_kept[row]))
        if value != value:
            continue
        above = bisect_left(known, value)
        if known:
            neighbours = known[max(above - 1, 0) : above + 1]
            nearest[row] = min(neighbours, key=lambda other: abs(other - value))
        insort(known, value)
    return nearest
