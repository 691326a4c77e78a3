"""Families `peak`, `spectrum` and `entropy`: the shape of the last periods."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled
from pipeline.features.windows import HIGH, LOW, MEAN, ROUNDING, SECOND, SEEN, Floats, mean_of, ratio, second_of
from pipeline.tables.catalogue import BINS, LONG


def peak(x: Floats, first: int, long: Floats, out: Floats) -> None:
    """Fill `out` (5, n, periods) from `x` (n, T), about its periods from `first` on, and what `roll` says of the last `LONG`."""
    _peak(x, first, LONG, long, out)


def entropy(x: Floats, first: int, long: Floats, out: Floats) -> None:
    """The same of `out` (2, n, periods)."""
    counts = np.arange(LONG + 1.0)
    _entropy(x, first, LONG, BINS, long, counts * np.log(np.maximum(counts, 1)), out)


def spectrum(x: Floats, first: int, out: Floats, season: int, width: int) -> None:
    """The same of `out` (3, n, periods), by spectra of `width` periods and a season that divides it."""
    window = np.empty((x.shape[1] - first, width))
    for s, row in enumerate(x):
        known = _centre(row, first, window)
        _weigh(np.fft.rfft(window), known, season, width, out[:, s])


@compiled
def _peak(x: Floats, first: int, width: int, long: Floats, out: Floats) -> None:
    for s in range(x.shape[0]):
        row = x[s]
        for t in range(first, x.shape[1]):
            start, column = t - width + 1, t - first
            n, mean, second = long[SEEN, s, column], long[MEAN, s, column], long[SECOND, s, column]
            low, high = long[LOW, s, column], long[HIGH, s, column]
            if 2 * n < width:
                out[:, s, column] = math.nan
                continue
            size = max(abs(low), abs(high))
            # What is above by rounding alone is not above.
            above, deviation = mean + ROUNDING * size, math.sqrt(second / (n - 1))
            age = 0
            while row[t - age] != high:
                age += 1
            out[0, s, column] = age
            out[1, s, column] = ratio(high, mean, size)
            out[2, s, column] = _count_above(row, start, t + 1, above + 2 * deviation) / n
            out[3, s, column] = _longest_above(row, start, t + 1, above + deviation)
            run = 0
            while run < width and row[t - run] > above:
                run += 1
            out[4, s, column] = run if row[t] == row[t] else math.nan


@compiled
def _count_above(row: Floats, start: int, end: int, level: float) -> int:
    count = 0
    for i in range(start, end):
        count += row[i] > level
    return count


@compiled
def _longest_above(row: Floats, start: int, end: int, level: float) -> int:
    run, longest = 0, 0
    for i in range(start, end):
        if row[i] > level:
            run += 1
            longest = max(longest, run)
        else:
            run = 0
    return longest


@compiled
def _entropy(x: Floats, first: int, width: int, bins: int, long: Floats, weight: Floats, out: Floats) -> None:
    order, orders, counts = np.empty(x.shape[1], np.int64), np.empty(7, np.int64), np.empty(bins, np.int64)
    for s in range(x.shape[0]):
        row = x[s]
        orders[:] = 0
        for t in range(first - width + 3, x.shape[1]):
            order[t] = _order(row[t - 2], row[t - 1], row[t])
            orders[order[t]] += 1
            if t < first:
                continue
            column = t - first
            if column:
                orders[order[t - width + 2]] -= 1
            out[0, s, column] = _evenness(orders, 6, weight) if 2 * (width - 2 - orders[6]) >= width - 2 else math.nan
            n, low, high = long[SEEN, s, column], long[LOW, s, column], long[HIGH, s, column]
            if 2 * n < width or long[SECOND, s, column] == 0:
                out[1, s, column] = math.nan
                continue
            counts[:] = 0
            per_bin = bins / (high - low)
            for i in range(t - width + 1, t + 1):
                if row[i] == row[i]:
                    counts[min(bins - 1, int((row[i] - low) * per_bin))] += 1
            out[1, s, column] = _evenness(counts, bins, weight)


@compiled
def _order(a: float, b: float, c: float) -> int:
    """Which of the six orders three values have, of equal ones the earlier as the lower; 6 where one is missing."""
    if not (a == a and b == b and c == c):
        return 6
    if a <= b:
        return 0 if b <= c else 1 if a <= c else 2
    return 3 if a <= c else 4 if b <= c else 5


@compiled
def _evenness(counts: npt.NDArray[np.int64], kinds: int, weight: Floats) -> float:
    """Shannon's entropy of so many counts, as a share of the highest that they can have; `weight` is n · log n by n."""
    total, found = 0, 0.0
    for kind in range(kinds):
        total += counts[kind]
        found += weight[counts[kind]]
    return min(1.0, max(0.0, (math.log(total) - found / total) / math.log(kinds)))


@compiled
def _centre(row: Floats, first: int, window: Floats) -> npt.NDArray[np.bool_]:
    """Fill the windows less their mean, gaps as 0; which have enough and vary."""
    width = window.shape[1]
    known = np.empty(window.shape[0], np.bool_)
    for column in range(window.shape[0]):
        start = first + column - width + 1
        n, mean = mean_of(row, start, start + width)
        known[column] = 2 * n >= width and second_of(row, start, start + width, n, mean) > 0
        for i in range(width):
            value = row[start + i]
            window[column, i] = value - mean if known[column] and value == value else 0.0
    return known


@compiled
def _weigh(spectra: npt.NDArray[np.complex128], known: npt.NDArray[np.bool_], season: int, width: int, out: Floats) -> None:
    per_season = width // season
    for column in range(spectra.shape[0]):
        if not known[column]:
            out[:, column] = math.nan
            continue
        total = seasonal = slow = highest = 0.0
        at = 1
        for k in range(1, spectra.shape[1]):
            power = spectra[column, k].real ** 2 + spectra[column, k].imag ** 2
            if 2 * k != width:  # each but the last of an even width stands for two frequencies
                power *= 2
            total += power
            seasonal += power if k % per_season == 0 else 0.0
            slow += power if 2 * k < per_season else 0.0
            if power > highest * (1 + ROUNDING):
                highest, at = power, k
        out[0, column] = seasonal / total
        out[1, column] = slow / total
        out[2, column] = width / at
