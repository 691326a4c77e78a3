"""Novelty of a value: how far it lies from everything that the series did in the days before."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import hour_of_day, past_median, smallest_scale

_HOURS_ALIKE = 2
# Bounds the work on series by the second; 28 days by the minute are 40,000.
_MOST_KNOWN = 50_000
_TAIL = 0.005


def novelty_excess(
    ts: npt.NDArray[np.datetime64],
    clock: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    history_days: int,
    range_ratio: float = 0.07,
    novelty_ratio: float = 2.0,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How new each value is, or its distance from the usual one of the time of day, as a multiple of what is new enough.

    Novelty is the distance to the nearest earlier value, measured in the range that the series usually moves in. It is taken
    twice: of the value, and of the value less the median of the same two hours of the day; the larger one counts.

    Args:
        ts: one timestamp per row, UTC.
        clock: the same as `arrival_clock` gives them.
        values: the series in any unit, NaN where missing.
        history_days: how long a value is known.
        range_ratio: what is new enough, as a share of the range between the 0.5th and 99.5th percentile of the values before.
        novelty_ratio: … and as a multiple of the 95th percentile of the novelties before; the larger one holds.

    Returns:
        One figure per row, 1 where just new enough and NaN where nothing is known yet; and that median.

    Source: nearest-neighbour novelty as in KNN-CAD, one dimension.
    """
    expected = past_median(clock, values, hour_of_day(ts) // _HOURS_ALIKE, f"{history_days}D")
    asked = smallest_scale(expected), history_days, range_ratio, novelty_ratio
    return np.fmax(_excess(clock, values, *asked), _excess(clock, values - expected, *asked)), expected


def _excess(
    clock: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    floor: npt.NDArray[np.float64],
    history_days: int,
    range_ratio: float,
    novelty_ratio: float,
) -> npt.NDArray[np.float64]:
    """Novelty as a multiple of its threshold; no range counts as smaller than `floor`."""
    past = _past(clock, values, history_days)
    usual = (past.quantile(1 - _TAIL) - past.quantile(_TAIL)).to_numpy(dtype=np.float64)
    novelty = _distance_to_known(clock, values, history_days) / np.fmax(usual, floor)
    usual_novelty = _past(clock, novelty, history_days).quantile(0.95).to_numpy(dtype=np.float64)
    excess: npt.NDArray[np.float64] = novelty / np.fmax(range_ratio, novelty_ratio * usual_novelty)
    return excess


def _past(clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], days: int) -> Any:
    """The rolling window of the rows before each row."""
    return pd.Series(values, index=pd.DatetimeIndex(clock)).rolling(f"{days}D", closed="left", min_periods=4)


def _distance_to_known(clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], days: int) -> npt.NDArray[np.float64]:
    """For each row the distance to the closest of the earlier values within so many days; NaN without one."""
    distance = np.full(len(values), np.nan)
    within = np.searchsorted(clock, clock - np.timedelta64(days, "D"))
    first_kept = np.maximum(within, np.arange(len(values)) - _MOST_KNOWN).tolist()
    # Python floats: bisect on them is several times faster than on numpy scalars.
    plain = values.tolist()
    known: list[float] = []
    kept = 0
    for row, value in enumerate(plain):
        for expired in plain[kept : first_kept[row]]:
            if expired == expired:
                del known[bisect_left(known, expired)]
        kept = first_kept[row]
        if value != value:
            continue
        above = bisect_left(known, value)
        if known:
            distance[row] = min(abs(value - other) for other in known[max(above - 1, 0) : above + 1])
        known.insert(above, value)
    return distance
