"""Series that deviate as normal noise does: what lies outside of it is trouble sooner than in a series with heavy tails."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import SIGMA_PER_MEDIAN_DISTANCE
from pipeline.anomalies.ordered import median_of_three

Numbers = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Stamps = npt.NDArray[np.datetime64]

#: So much must be known of a series before it is called calm.
FEWEST_DAYS, FEWEST_DISTANCES = 14, 200
#: The upper quartile of the distances in lower ones: 3.6 of normal noise, 3.8 with one sample in fifteen in trouble, 4.8 of
#: exponential tails on both sides, fewer where the level wanders.
QUARTILES = (3.2, 4.2)
#: Their 90th percentile in medians: 2.4, 3.0 and 3.3; a series that is mostly quiet has more.
LARGEST_TAIL = 3.3
#: Share of samples above what was expected: where it is far from half, that is not the middle.
ABOVE = (0.35, 0.65)
#: Who would be far more often than that is so by nature.
FAR_PER_DAY = 1 / 4
#: Two of three samples are far at this share of what a lone one must have: heavy tails throw lone ones.
PAIR_RATIO = 2 / 3

_QUIET = np.timedelta64(6, "h")
_DAY = np.timedelta64(1, "D")


def calm_excess(clock: Stamps, residual: Numbers, floor: Numbers, days: int, alert_deviations: float) -> Numbers:
    """How far outside the normal noise of a calm series each sample lies; 0 in all other series.

    Whether it is calm is looked at when a day begins, over the days before it: quartiles, tail and balance of the residuals must
    be those of normal noise with some trouble in it, and few may have been far. The scale is the median distance, which that
    trouble hardly moves. Far is a lone sample, and at two thirds of that one with another on its side among the two before it.

    Args:
        clock: (n,) as `arrival_clock` gives it.
        residual: (n,) each value less what was expected, in the unit of the series; NaN where unknown.
        floor: (n,) smallest scale; noise below it is none, and such a series not calm but flat.
        days: how far back is looked.
        alert_deviations: robust deviations at which a lone sample is an alert.

    Returns:
        (n,) multiples of an alert. Causal: each depends on the rows before it and on itself alone.

    Source: Shewhart's control chart with two of three samples as in the rules of Western Electric (1956), and the median distance
    of Hampel (1974) as the scale. That such a chart holds for normal noise alone is what the quantiles are for.
    """
    if len(clock) == 0:
        return np.zeros(0)
    scale, normal = _of_days(clock, residual, floor, days)
    with np.errstate(invalid="ignore"):
        deviations = np.nan_to_num(residual / scale)
    lone, pair = np.abs(deviations), np.abs(median_of_three(deviations))
    measured = clock[np.isfinite(scale)][:1]
    known = np.fmin((clock - measured) / _DAY, days) if len(measured) else np.zeros(len(clock))
    rare = _times_before(clock, lone >= PAIR_RATIO * alert_deviations, days) <= FAR_PER_DAY * known
    excess: Numbers = np.where(normal & rare, np.fmax(lone, np.fmin(lone, pair) / PAIR_RATIO) / alert_deviations, 0.0)
    return excess


def _of_days(clock: Stamps, residual: Numbers, floor: Numbers, days: int) -> tuple[Numbers, Bools]:
    """The scale of the noise in the days before each row's day, NaN where too little is known; and whether it was normal."""
    scale, normal = np.full(len(clock), np.nan), np.zeros(len(clock), dtype=np.bool_)
    day = clock.astype("datetime64[D]")
    begins = np.flatnonzero(np.diff(day, prepend=day[:1] - _DAY) > 0 * _DAY)
    since = np.searchsorted(clock, day[begins] - days * _DAY)
    for first, begin, end in zip(since, begins, np.append(begins[1:], len(clock)), strict=True):
        before = residual[first:begin]
        before = before[~np.isnan(before)]
        if len(before) < FEWEST_DISTANCES:
            continue
        distances = np.sort(np.abs(before))
        low, middle, high, tail = (distances[int(share * (len(distances) - 1))] for share in (0.25, 0.5, 0.75, 0.9))
        noise = SIGMA_PER_MEDIAN_DISTANCE * middle
        shaped = QUARTILES[0] * low <= high <= QUARTILES[1] * low and tail <= LARGEST_TAIL * middle
        balanced = ABOVE[0] <= (before > 0).mean() <= ABOVE[1]
        scale[begin:end] = np.fmax(noise, floor[begin:end])
        long_known = day[begin] - clock[0] >= FEWEST_DAYS * _DAY
        normal[begin:end] = (noise > floor[begin:end]) & bool(shaped and balanced and long_known)
    return scale, normal


def _times_before(clock: Stamps, far: Bools, days: int) -> npt.NDArray[np.int64]:
    """How often in the days before each row something was far after six hours in which nothing was."""
    rows = np.flatnonzero(far)
    first = rows[np.diff(clock[rows], prepend=clock[:1] - 2 * _QUIET) > _QUIET]
    before = np.searchsorted(first, np.arange(len(clock)))
    expired = np.searchsorted(clock[first], clock - days * _DAY)
    return np.asarray(before - expired, dtype=np.int64)
