"""Families `lag`, `rate of change` and `change point`: now beside before."""

from __future__ import annotations

import math

import numpy as np

from pipeline.compiled import compiled
from pipeline.features.windows import MEAN, ROUNDING, SECOND, SEEN, Floats, line, mean_of, powers_of
from pipeline.tables.catalogue import LAGS, LONG, RATES, RECENT, WINDOWS


def lag(x: Floats, first: int, out: Floats) -> None:
    """Fill `out` (21, n, periods) from `x` (n, T), of which it is about the periods from `first` on."""
    now, periods = x[:, first:], x.shape[1]
    for place, k in enumerate(LAGS):
        then, difference, percent = out[3 * place : 3 * place + 3]
        then[:] = x[:, first - k : periods - k]
        with np.errstate(all="ignore"):
            np.subtract(now, then, out=difference)
            np.divide(difference, np.abs(then), out=percent)
            percent *= 100
        percent[~np.isfinite(percent)] = np.nan


def rate(x: Floats, first: int, out: Floats) -> None:
    """The same of `out` (15, n, periods)."""
    _rate(x, first, np.array(RATES), out)


def find_change(x: Floats, first: int, rolling: Floats, long: Floats, out: Floats) -> None:
    """The same of `out` (4, n, periods), with the family `rolling` and what `roll` says of the last `LONG`."""
    of_part, of_both = (rolling[7 * WINDOWS.index(width) :][:2] for width in (RECENT, 2 * RECENT))
    _sum_up(x, first, LONG, long, out)
    _shift(x, first, RECENT, of_part, of_both[1], out)


@compiled
def _rate(x: Floats, first: int, rates: Floats, out: Floats) -> None:
    slopes, steps = np.empty(x.shape[1]), np.full(x.shape[1], math.nan)
    for s in range(x.shape[0]):
        row = x[s]
        for t in range(1, x.shape[1]):
            steps[t] = abs(row[t] - row[t - 1])
        for place in range(len(rates)):
            k = rates[place]
            for t in range(first - k, x.shape[1]):
                n, slope, _ = line(row, t - k, t + 1)
                slopes[t] = slope if n >= max(2, (k + 2) // 2) else math.nan
            for t in range(first, x.shape[1]):
                n, step = mean_of(steps, t + 1 - k, t + 1)
                out[3 * place, s, t - first] = slopes[t]
                out[3 * place + 1, s, t - first] = (slopes[t] - slopes[t - k]) / k
                out[3 * place + 2, s, t - first] = step if 2 * n >= k else math.nan


@compiled
def _sum_up(x: Floats, first: int, width: int, long: Floats, out: Floats) -> None:
    for s in range(x.shape[0]):
        row = x[s]
        for t in range(first, x.shape[1]):
            column, end = t - first, t + 1
            n, mean, second = long[SEEN, s, column], long[MEAN, s, column], long[SECOND, s, column]
            out[0, s, column] = out[1, s, column] = math.nan
            if 2 * n >= width and second > 0:
                reached, age = _summed(row, end - width, end, mean)
                out[0, s, column] = reached / math.sqrt(second / (n - 1) * n)
                out[1, s, column] = age


@compiled
def _shift(x: Floats, first: int, recent: int, of_part: Floats, of_both: Floats, out: Floats) -> None:
    """By means and spreads of the last `recent` and the spread of twice as many; those of the part before stand as far back."""
    for s in range(x.shape[0]):
        row = x[s]
        for t in range(first, x.shape[1]):
            column = t - first
            now, spread_now, both = of_part[0, s, column], of_part[1, s, column], of_both[s, column]
            if column >= recent:
                then, spread_then = of_part[0, s, column - recent], of_part[1, s, column - recent]
            else:
                n, then = mean_of(row, t + 1 - 2 * recent, t + 1 - recent)
                # To the last bit what `roll` says: it must not matter how many periods are kept.
                second, _, _ = powers_of(row, t + 1 - 2 * recent, t + 1 - recent, n, then)
                then = then if 2 * n >= recent else math.nan
                spread_then = math.sqrt(second) * (1 / math.sqrt(n - 1.0))
            known = now == now and then == then
            out[2, s, column] = (now - then) / both if known and both > 0 else math.nan
            known = known and spread_now > 0 and spread_then > 0
            out[3, s, column] = math.log2(spread_now / spread_then) if known else math.nan


@compiled
def _summed(row: Floats, start: int, end: int, mean: float) -> tuple[float, float]:
    """The range of the summed deviations from the mean, and how many periods ago they were farthest from 0, and first so far."""
    total = low = high = farthest = 0.0
    at = start
    for i in range(start, end):
        if row[i] == row[i]:
            total += row[i] - mean
            low = min(low, total)
            high = max(high, total)
            if abs(total) > farthest * (1 + ROUNDING):
                farthest, at = abs(total), i
    return high - low, float(end - 1 - at)
