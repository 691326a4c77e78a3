"""Families `rolling` and `distribution`: moments and order statistics of windows."""

from __future__ import annotations

import math

import numpy as np

from pipeline.compiled import compiled
from pipeline.features.windows import HIGH, LOW, MEAN, SECOND, SEEN, Floats, mean_of, powers_of, ratio
from pipeline.tables.catalogue import KURTOSIS_WINDOWS, QUANTILES, WINDOWS

_LEVELS = np.array(QUANTILES) / 100


def roll(x: Floats, first: int, rolling: Floats, distribution: Floats) -> Floats:
    """Fill `rolling` (42, n, periods) and `distribution` (9, n, periods) from `x` (n, T), about its periods from `first` on.

    Returns:
        (5, n, periods) what `windows` calls SEEN … SECOND of the last `LONG` of each period, which other families need as well.
    """
    long = np.empty((5, *rolling.shape[1:]))
    _roll(x, first, np.array(WINDOWS), _LEVELS, (rolling, distribution, long))
    _roll_kurtosis(x, first, KURTOSIS_WINDOWS[0], rolling[6])
    return long


def _unbiased(most: int) -> Floats:
    """(most + 1, 4) by how many values there are: what makes moments unbiased, NaN of fewer than a moment needs.

    Source: G1 and G2 in Joanes and Gill, Comparing measures of sample skewness and kurtosis, 1998.
    """
    n = np.arange(most + 1, dtype=np.float64)
    with np.errstate(all="ignore"):
        below = (n - 2) * (n - 3)
        spread, skew = 1 / np.sqrt(n - 1), n * np.sqrt(n - 1) / (n - 2)
        kurt, offset = n * (n + 1) * (n - 1) / below, 3 * (n - 1) ** 2 / below
    spread[:2], skew[:3], kurt[:4] = np.nan, np.nan, np.nan
    return np.stack([spread, skew, kurt, offset], axis=1)


_UNBIASED = _unbiased(WINDOWS[-1])


@compiled
def _roll(x: Floats, first: int, windows: Floats, levels: Floats, outs: tuple[Floats, Floats, Floats]) -> None:
    out, distribution, long = outs
    held = np.empty(windows[-1])
    for s in range(x.shape[0]):
        row = x[s]
        for k in range(len(windows)):
            width, n = windows[k], 0
            for t in range(first - width + 1, first):
                n = _slide(held, n, math.nan, row[t])
            for t in range(first, x.shape[1]):
                column, end = t - first, t + 1
                n = _slide(held, n, row[t - width] if column else math.nan, row[t])
                _, mean = mean_of(row, end - width, end)
                second, third, fourth = powers_of(row, end - width, end, n, mean)
                known = 2 * n >= width
                spread, skew, kurt = _standard(n, second, third, fourth)
                out[7 * k, s, column] = mean if known else math.nan
                out[7 * k + 1, s, column] = spread if known else math.nan
                out[7 * k + 2, s, column] = held[0] if known else math.nan
                out[7 * k + 3, s, column] = held[n - 1] if known else math.nan
                out[7 * k + 4, s, column] = _quantile(held, n, 0.5) if known else math.nan
                out[7 * k + 5, s, column] = skew if known else math.nan
                out[7 * k + 6, s, column] = kurt if known else math.nan
                if k == len(windows) - 1:
                    long[SEEN, s, column], long[MEAN, s, column], long[SECOND, s, column] = n, mean, second
                    long[LOW, s, column] = held[0] if n else math.nan
                    long[HIGH, s, column] = held[n - 1] if n else math.nan
                    _distribute(held, n, long, levels, distribution, s, column)


@compiled
def _roll_kurtosis(x: Floats, first: int, width: int, out: Floats) -> None:
    for s in range(x.shape[0]):
        for t in range(first, x.shape[1]):
            n, mean = mean_of(x[s], t + 1 - width, t + 1)
            second, _, fourth = powers_of(x[s], t + 1 - width, t + 1, n, mean)
            out[s, t - first] = _standard(n, second, 0.0, fourth)[2]


@compiled
def _standard(n: int, second: float, third: float, fourth: float) -> tuple[float, float, float]:
    """Standard deviation, skewness and excess kurtosis of `n` values from the sums of powers of their deviations."""
    root = math.sqrt(second)
    if second == 0:
        return root * _UNBIASED[n, 0], math.nan, math.nan
    per = 1 / second
    skew = third * per * per * root * _UNBIASED[n, 1]
    return root * _UNBIASED[n, 0], skew, fourth * per * per * _UNBIASED[n, 2] - _UNBIASED[n, 3]


@compiled
def _distribute(held: Floats, n: int, long: Floats, levels: Floats, out: Floats, s: int, column: int) -> None:
    """Fill what is said of the distribution of the `n` values that `held` has in order, of a window as long as it."""
    if 2 * n < len(held):
        out[:, s, column] = math.nan
        return
    for k in range(len(levels)):
        out[k, s, column] = _quantile(held, n, levels[k])
    out[6, s, column] = _quantile(held, n, 0.75) - _quantile(held, n, 0.25)
    out[7, s, column] = _median_distance(held, n)
    deviation = math.sqrt(long[SECOND, s, column] / (n - 1))
    out[8, s, column] = ratio(deviation, abs(long[MEAN, s, column]), max(abs(held[0]), abs(held[n - 1])))


@compiled
def _slide(held: Floats, n: int, leaving: float, entering: float) -> int:
    """One value out of the `n` that `held` keeps in order, and one into it, each but a NaN; how many it keeps then."""
    if leaving == leaving:
        at = _find(held, n, leaving)
    elif entering == entering:
        at = n
        n += 1
    else:
        return n
    if entering != entering:
        n -= 1
        for i in range(at, n):
            held[i] = held[i + 1]
        return n
    # The place at `at` is free: it moves to where the new value belongs.
    while at + 1 < n and held[at + 1] < entering:
        held[at] = held[at + 1]
        at += 1
    while at > 0 and held[at - 1] > entering:
        held[at] = held[at - 1]
        at -= 1
    held[at] = entering
    return n


@compiled
def _find(held: Floats, n: int, value: float) -> int:
    """The first place of `n` values in order that is not lower."""
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if held[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _quantile(held: Floats, n: int, level: float) -> float:
    place = level * (n - 1)
    below = int(place)
    above = min(below + 1, n - 1)
    value: float = held[below] + (place - below) * (held[above] - held[below])
    return value


@compiled
def _median_distance(held: Floats, n: int) -> float:
    """The median distance from the median: distances are taken in order, from the median outwards to both sides."""
    median = _quantile(held, n, 0.5)
    right = _find(held, n, median)
    left = right - 1
    before = distance = 0.0
    for _ in range(n // 2 + 1):
        before = distance
        if right >= n or (left >= 0 and median - held[left] <= held[right] - median):
            distance = median - held[left]
            left -= 1
        else:
            distance = held[right] - median
            right += 1
    return distance if n % 2 else (before + distance) / 2
