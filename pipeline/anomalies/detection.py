"""What a detector answers: how surprising each sample of one series was when it arrived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.tables.columns import SEVERITIES

ALERT = 0.5
"""The score at and above which a sample is an alert."""

EXCESS = {"low": 1.0, "medium": 1.5, "high": 2.0, "critical": 3.0}
"""By how many times its own alert threshold a sample of each severity deviates at least."""

PROBATION_TIME = np.timedelta64(24 * 3600, "s")
PROBATION_ROWS = 24
ANNOUNCED_HOURS = 48
"""How long an incident stays announced: until then only a worse sample alerts again."""

_LARGEST_EXCESS = 1e9
_SIGMA_PER_MEDIAN_DISTANCE = 1.4826
_SIGMA_PER_MEAN_DISTANCE = 1.2533


@dataclass(frozen=True)
class Detection:
    """Scores of one series, aligned with its rows.

    Attributes:
        score: 0–1; at least `ALERT` is an alert. Causal: it depends on this row and the rows before it alone.
        expected: the value the detector would have bet on, in the series' unit; NaN when it has no opinion.
    """

    score: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]


Detector = Callable[[npt.NDArray[np.datetime64], npt.NDArray[np.float64]], Detection]


def score_of_excess(excess: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The score of a deviation that is `excess` times the detector's alert threshold: 1 → 0.5, 3 → 0.75; NaN → 0."""
    bounded = np.clip(np.nan_to_num(excess, nan=0.0, posinf=_LARGEST_EXCESS), 0.0, _LARGEST_EXCESS)
    return bounded / (1.0 + bounded)


def severity(score: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    """low, medium, high or critical for an alert (1, 1.5, 2 and 3 times the alert threshold), "" for anything below."""
    scores = np.asarray(score, dtype=np.float64)
    gravest_first = SEVERITIES[::-1]
    limits = [EXCESS[name] / (1.0 + EXCESS[name]) - 1e-12 for name in gravest_first]
    return np.select([scores >= limit for limit in limits], list(gravest_first), default="")


def arrival_clock(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Timestamps that never run backwards: a late row counts as arriving with the newest row before it.

    Raises:
        ValueError: a missing timestamp.
    """
    stamps = np.asarray(ts).astype("datetime64[us]")
    if np.isnat(stamps).any():
        raise ValueError(f"row {int(np.flatnonzero(np.isnat(stamps))[0])} has no timestamp")
    return np.maximum.accumulate(stamps) if len(stamps) else stamps


def finite(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The values as float64, with infinities as missing."""
    numbers = np.array(values, dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def on_probation(clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Rows that come too early to be judged: in the first day, or among the first 24 values, of the series."""
    if len(clock) == 0:
        return np.zeros(0, dtype=np.bool_)
    seen_before = np.cumsum(~np.isnan(values)) - ~np.isnan(values)
    early: npt.NDArray[np.bool_] = (clock - clock[0] < PROBATION_TIME) | (seen_before < PROBATION_ROWS)
    return early


def smallest_scale(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A floor under a spread: 1 % of the level, so that a dead-flat history does not make rounding noise an alert."""
    return 1e-2 * np.abs(np.nan_to_num(expected)) + 1e-9


def announce(
    excess: npt.NDArray[np.float64],
    clock: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    announced_hours: int = ANNOUNCED_HOURS,
    worse_ratio: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Scores from excesses: 0 on probation, and 0 for an anomalous sample that is not worse than those in the time before it.

    One incident spans many samples; the person on call wants to hear of it once, and again only when it gets worse.

    Args:
        excess: deviation in multiples of the detector's alert threshold; NaN when unknown.
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        announced_hours: that time; each anomalous sample begins it anew, announced or not.
        worse_ratio: by how many times a sample must exceed the worst one of that time.
    """
    known = np.where(on_probation(clock, values), 0.0, np.nan_to_num(excess, nan=0.0, posinf=_LARGEST_EXCESS))
    anomalous = pd.Series(np.where(known >= 1, known, 0.0), index=pd.DatetimeIndex(clock))
    before = anomalous.rolling(f"{announced_hours}h", closed="left", min_periods=1).max().fillna(0.0).to_numpy()
    repeats = (known >= 1) & (before > 0) & (known <= worse_ratio * before)
    return np.where(repeats, 0.0, score_of_excess(known))


def past_median(
    clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], phase: npt.NDArray[np.int64], history: str
) -> npt.NDArray[np.float64]:
    """Median of the earlier values of the same phase, such as the hour of the day.

    Args:
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        phase: one label per row.
        history: how far back, as pandas writes it.

    Returns:
        One median per row; NaN until three values of the phase are known.
    """
    series = pd.Series(values, index=pd.DatetimeIndex(clock))
    medians = series.groupby(phase, sort=True).rolling(history, closed="left", min_periods=3).median()
    out = np.full(len(values), np.nan)
    out[np.argsort(phase, kind="stable")] = medians.to_numpy(dtype=np.float64)
    return out


def usual_of_hour(
    ts: npt.NDArray[np.datetime64], clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], history: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The usual value of each row's hour of the day, working days apart from weekends, and the usual spread around it.

    The spread is the larger of the median distance in such hours and the mean distance in all: a series that is mostly flat has a
    median distance of zero, and calm nights a tiny one; the mean, which outliers raise, keeps both honest, and is what makes one
    threshold hold for all series.

    Returns:
        The median, and a robust standard deviation; both NaN until there are three such values.
    """
    hour = hour_of_day(ts)
    phase = hour + 24 * (pd.DatetimeIndex(ts).dayofweek.to_numpy() >= 5)
    expected = past_median(clock, values, phase, history)
    # A weekend hour has little history of its own at first; until then any day's same hour will do.
    expected = np.where(np.isnan(expected), past_median(clock, values, hour, history), expected)
    distance = np.abs(values - expected)
    local = past_median(clock, distance, phase, history)
    overall = pd.Series(distance, index=pd.DatetimeIndex(clock)).rolling(history, closed="left", min_periods=8).mean().to_numpy()
    spread = np.fmax(_SIGMA_PER_MEDIAN_DISTANCE * local, _SIGMA_PER_MEAN_DISTANCE * overall)
    return expected, np.fmax(spread, smallest_scale(expected))


def hour_of_day(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """0–23, UTC."""
    return (np.asarray(ts).astype("datetime64[h]").astype(np.int64)) % 24
