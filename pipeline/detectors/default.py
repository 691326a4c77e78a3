"""What has not been seen in four weeks: a value unlike any other, or one far from what this time of day ever does."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, announce, arrival_clock, finite, hour_of_day, past_median, smallest_scale

# Bounds the work on series by the second; 28 days by the minute are 40,000.
_MOST_KNOWN = 50_000
_HOURS_ALIKE = 2
_TAIL = 0.005


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    announced_hours: int = Field(
        12, ge=1, le=720, description="How long an incident stays announced: until then only a worse sample alerts again."
    )
    alert_range_ratio: float = Field(
        0.07, ge=0.001, le=10, description="Novelty that is an alert, as a share of the range that the series usually moves in."
    )
    alert_novelty_ratio: float = Field(
        2.0, ge=0.1, le=100, description="… and as a multiple of the 95th percentile of the novelties before it."
    )


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how new it is, and by how new its distance from the usual value of the time of day is.

    Every level, peak and lull of the preceding days, 28 by default, is normal when it comes back. Novelty is the distance to the
    nearest earlier value, measured in the range that the series usually moves in. It is taken twice: of the value, and
    of the value less the median of the same two hours of the day; the larger one counts.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An alert where a novelty exceeds, by default, 7 % of the range between the 0.5th and 99.5th percentile, and twice the 95th
        percentile of the novelties before it: where few values are known, every one is new. `expected` is the median of the
        time of day.

    Raises:
        ValueError: a missing timestamp.

    Source: nearest-neighbour novelty as in KNN-CAD, one dimension. The thresholds and the 12 hours of silence were set once,
    on the development half of the Numenta Anomaly Benchmark and the synthetic fleet.
    """
    clock, observed = arrival_clock(ts), finite(values)
    expected = past_median(clock, observed, hour_of_day(ts) // _HOURS_ALIKE, f"{options.history_days}D")
    floor = smallest_scale(expected)
    excess = np.fmax(_excess(clock, observed, floor, options), _excess(clock, observed - expected, floor, options))
    return Detection(announce(excess, clock, observed, f"{options.announced_hours}h"), expected)


def _excess(
    clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], floor: npt.NDArray[np.float64], options: Options
) -> npt.NDArray[np.float64]:
    """Novelty as a multiple of its threshold."""
    past = _past(clock, values, options.history_days)
    usual = (past.quantile(1 - _TAIL) - past.quantile(_TAIL)).to_numpy(dtype=np.float64)
    novelty = _distance_to_known(clock, values, options.history_days) / np.fmax(usual, floor)
    usual_novelty = _past(clock, novelty, options.history_days).quantile(0.95).to_numpy(dtype=np.float64)
    excess: npt.NDArray[np.float64] = novelty / np.fmax(options.alert_range_ratio, options.alert_novelty_ratio * usual_novelty)
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
