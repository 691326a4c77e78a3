"""Family `residual`: what remains where a season or a trend is taken off."""

from __future__ import annotations

import math

import numpy as np

from pipeline.compiled import compiled
from pipeline.features.windows import Floats, line, pair, snapped, spread
from pipeline.tables.catalogue import LONG, RECENT, SEASONS


def leave(x: Floats, first: int, out: Floats, season: int) -> None:
    """Fill `out` (6, n, periods) from `x` (n, T), of which it is about the periods from `first` on."""
    _leave(x, first, season, SEASONS, (LONG, RECENT), out)


@compiled
def _leave(x: Floats, first: int, season: int, seasons: int, widths: tuple[int, int], out: Floats) -> None:
    long, recent = widths
    left = np.empty(x.shape[1])
    for s in range(x.shape[0]):
        row = x[s]
        for t in range(first - long + 1, x.shape[1]):
            left[t] = _less_season(row, t, season, seasons)
        for t in range(first, x.shape[1]):
            column, end = t - first, t + 1
            out[0, s, column] = left[t]
            n, mean, deviation = spread(left, end - recent, end)
            out[1, s, column] = mean if 2 * n >= recent else math.nan
            out[2, s, column] = deviation if 2 * n >= recent else math.nan
            n, _, deviation = spread(left, end - long, end)
            out[3, s, column] = left[t] / deviation if 2 * n >= long and deviation > 0 else math.nan
            n, r, _ = pair(left, left, end - long + 1, end, end - long)
            out[4, s, column] = r if 2 * n >= long else math.nan
            n, _, level = line(row, end - long, end)
            out[5, s, column] = snapped(row[t] - level, max(abs(row[t]), abs(level))) if 2 * n >= long else math.nan


@compiled
def _less_season(row: Floats, t: int, season: int, seasons: int) -> float:
    """A value less the mean of those at the same phase of the seasons before, of which two are needed."""
    n, total, size = 0, 0.0, abs(row[t])
    for k in range(1, seasons + 1):
        value = row[t - k * season]
        if value == value:
            n += 1
            total += value
            size = max(size, abs(value))
    return snapped(row[t] - total / n, size) if n > 1 else math.nan
