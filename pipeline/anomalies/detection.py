"""What a detector answers: how surprising each sample of one series was when it arrived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.ordered import quantiles_before
from pipeline.tables.columns import SEVERITIES

ALERT = 0.5
"""The score at and above which a sample is an alert."""

EXCESS = {"low": 1.0, "medium": 1.5, "high": 2.0, "critical": 3.0}
"""By how many times its own alert threshold a sample of each severity deviates at least."""

PROBATION_TIME = np.timedelta64(24 * 3600, "s")
PROBATION_ROWS = 24

FEWEST_ALIKE = 3
"""Values of a phase, such as the hour of the day, of which a median is made."""

_LARGEST_EXCESS = 1e9
SIGMA_PER_MEDIAN_DISTANCE = 1.4826
SIGMA_PER_MEAN_DISTANCE = 1.2533


@dataclass(frozen=True)
class Silence:
    """When what people were told of is told again.

    Attributes:
        hours: an incident stays announced for so long after each of its anomalous samples.
        worse_ratio: until then only a sample alerts that exceeds the worst of them by so many times.
    """

    hours: int = 6
    worse_ratio: float = 3.0


SILENCE = Silence()


@dataclass(frozen=True)
class Detection:
    """What a detector says of each sample of one series, before anything is kept silent; aligned with its rows.

    Attributes:
        excess: deviation in multiples of the detector's own threshold: at 1 and above it flags the sample; 0 where it does not
            judge. Causal: it depends on this row and the rows before it alone.
        expected: the value the detector would have bet on, in the series' unit; NaN when it has no opinion.
        lower, upper: beyond these a value is far from `expected` by its distance alone; NaN where distance does not decide.
        judged: whether the detector knew enough to judge the sample; what it did not judge has an excess of 0 all the same.
        silence: when the detector, asked alone, announces what it flags.
        contribution: share of the sample in what was unusual of all metrics of its resource, of which they sum to 1; None of a
            detector that looks at one series.
    """

    excess: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    judged: npt.NDArray[np.bool_]
    silence: Silence = SILENCE
    contribution: npt.NDArray[np.float64] | None = None

    @property
    def score(self) -> npt.NDArray[np.float64]:
        """0–1, of every sample; at least `ALERT` where the detector flags it."""
        return score_of_excess(self.excess)


@dataclass(frozen=True)
class Forecast:
    """What had been forecast of each sample of a series before it came; aligned with its rows, NaN where nothing had.

    Attributes:
        lower, expected, upper: 5th, 50th and 95th percentile of what was forecast, in the series' unit.
    """

    lower: npt.NDArray[np.float64]
    expected: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]


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


def judge(
    clock: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    excess: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
    band: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
    silence: Silence = SILENCE,
) -> Detection:
    """What a detector answers: its excesses, but nothing of samples on probation and of missing values.

    Args:
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        excess: deviation in multiples of the detector's threshold; NaN when unknown.
        expected: what it expected.
        band: the values between which a distance from it is no alert, lower and upper; None where distance does not decide.
        silence: when it announces what it flags.
    """
    known = np.clip(np.nan_to_num(excess, nan=0.0, posinf=_LARGEST_EXCESS), 0.0, _LARGEST_EXCESS)
    lower, upper = band or (np.full(len(values), np.nan), np.full(len(values), np.nan))
    early = on_probation(clock, values)
    return Detection(np.where(early, 0.0, known), expected, lower, upper, ~(early | np.isnan(excess) | np.isnan(values)), silence)


def judge_distance(
    clock: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    expected: npt.NDArray[np.float64],
    spread: npt.NDArray[np.float64],
    alert_deviations: float,
    silence: Silence = SILENCE,
) -> Detection:
    """What a detector answers that goes by distance alone: an alert lies so many times `spread` from what was expected.

    Args:
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        expected: what it expected.
        spread: the usual deviation from that; NaN when unknown.
        alert_deviations: how many of these are an alert.
        silence: when it announces what it flags.
    """
    margin = alert_deviations * spread
    return judge(clock, values, np.abs(values - expected) / margin, expected, (expected - margin, expected + margin), silence)


def announce(
    excess: npt.NDArray[np.float64], anomalous: npt.NDArray[np.bool_], clock: npt.NDArray[np.datetime64], silence: Silence
) -> npt.NDArray[np.bool_]:
    """The anomalous samples that people are told of: not those that are hardly worse than those in the time before them.

    One incident spans many samples; the person on call wants to hear of it once, and again only when it gets worse.

    Args:
        excess: deviation of each sample in multiples of the threshold.
        anomalous: whether it counts as such; each such sample begins the silence anew, announced or not.
        clock: as `arrival_clock` gives it.
        silence: for how long, and but for what.
    """
    if not anomalous.any():  # as most series are
        return np.zeros(len(anomalous), dtype=np.bool_)
    known = pd.Series(np.where(anomalous, np.fmax(excess, 1.0), 0.0), index=pd.DatetimeIndex(clock))
    before = known.rolling(f"{silence.hours}h", closed="left", min_periods=1).max().fillna(0.0).to_numpy()
    told: npt.NDArray[np.bool_] = anomalous & ((before == 0) | (known.to_numpy() > silence.worse_ratio * before))
    return told


def announced_score(detection: Detection, ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """Scores that reach `ALERT` only where the detector, asked alone, would tell people: what it keeps silent is 0."""
    flags = detection.excess >= 1
    told = announce(detection.excess, flags, arrival_clock(ts), detection.silence)
    return np.where(flags & ~told, 0.0, detection.score)


def past_median(
    clock: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], phase: npt.NDArray[np.int64], history: str
) -> npt.NDArray[np.float64]:
    """Median of the earlier values of the same phase, such as the hour of the day.

    Args:
        clock: as `arrival_clock` gives it.
        values: the series, NaN where missing.
        phase: one number per row, from 0 on.
        history: how far back, as pandas writes it.

    Returns:
        One median per row; NaN until three values of the phase are known.
    """
    span = pd.Timedelta(history).to_timedelta64()
    median: npt.NDArray[np.float64] = quantiles_before(clock, values, span, FEWEST_ALIKE, (0.5,), phase)[0]
    return median


def usual_distance(
    clock: npt.NDArray[np.datetime64], distance: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], history: str
) -> npt.NDArray[np.float64]:
    """A standard deviation from the mean distance before each row, which heavy tails raise; the floor of `smallest_scale` alone
    until eight distances are known.

    Args:
        clock: as `arrival_clock` gives it.
        distance: of each value from what was expected, NaN where unknown.
        expected: what was expected.
        history: how far back, as pandas writes it.
    """
    before = pd.Series(distance, index=pd.DatetimeIndex(clock)).rolling(history, closed="left", min_periods=8)
    return np.fmax(SIGMA_PER_MEAN_DISTANCE * before.mean().to_numpy(dtype=np.float64), smallest_scale(expected))


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
    hour, phase = hour_of_day(ts), hour_of_week(ts)
    expected = past_median(clock, values, phase, history)
    # A weekend hour has little history of its own at first; until then any day's same hour will do.
    if len(unknown := np.flatnonzero(np.isnan(expected))):
        until = unknown[-1] + 1
        expected[unknown] = past_median(clock[:until], values[:until], hour[:until], history)[unknown]
    distance = np.abs(values - expected)
    local = past_median(clock, distance, phase, history)
    return expected, np.fmax(SIGMA_PER_MEDIAN_DISTANCE * local, usual_distance(clock, distance, expected, history))


def hour_of_day(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """0–23, UTC."""
    return (np.asarray(ts).astype("datetime64[h]").astype(np.int64)) % 24


def hour_of_week(ts: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """0–23 on working days and 24–47 on weekends, UTC."""
    # The first day of the epoch was a Thursday.
    return hour_of_day(ts) + 24 * ((np.asarray(ts).astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5)


def seen_before(values: npt.NDArray[np.float64], phase: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many values of its phase are known before each row."""
    rows, known = np.argsort(phase, kind="stable"), (~np.isnan(values)).astype(np.int64)
    before = np.cumsum(known[rows]) - known[rows]
    begins = np.diff(phase[rows], prepend=-1) > 0
    seen = np.empty(len(values), dtype=np.int64)
    seen[rows] = before - np.maximum.accumulate(np.where(begins, before, 0))
    return seen
