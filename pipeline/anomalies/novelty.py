"""Novelty of a value: how far it lies from everything that the series did in the days before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import hour_of_day, past_median, smallest_scale
from pipeline.anomalies.ordered import nearest_before, quantiles_before

_HOURS_ALIKE = 2
# Bounds the work on series by the second; 28 days by the minute are 40,000.
_MOST_KNOWN = 50_000
_TAIL = 0.005
_FEWEST_KNOWN = 4


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
    span = np.timedelta64(history_days, "D")
    low, high = quantiles_before(clock, values, span, _FEWEST_KNOWN, (_TAIL, 1 - _TAIL))
    novelty = nearest_before(clock, values, span, _MOST_KNOWN) / np.fmax(high - low, floor)
    [usual_novelty] = quantiles_before(clock, novelty, span, _FEWEST_KNOWN, (0.95,))
    excess: npt.NDArray[np.float64] = novelty / np.fmax(range_ratio, novelty_ratio * usual_novelty)
    return excess
