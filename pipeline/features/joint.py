"""Families `cross-correlation` and `interaction`: metrics of one resource together."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled
from pipeline.features.windows import (
    HIGH,
    LOW,
    MEAN,
    ROUNDING,
    SECOND,
    SEEN,
    Floats,
    correlation,
    finite,
    pair,
    product_of,
)
from pipeline.tables.catalogue import BASE_METRICS, CORRELATIONS, HALF, LONG, PAIRS, WINDOWS

Integers = npt.NDArray[np.int64]
_PLACE = {name: place for place, name in enumerate(BASE_METRICS)}


def correlate(x: Floats, first: int, rolling: Floats, out: Floats) -> None:
    """Fill `out` (21, n, periods) from `x` (3, n, T), about its periods from `first` on, and the family `rolling` of these."""
    by_metric = np.split(rolling, len(x))
    # Where in the family the means of the windows stand; the standard deviations follow.
    places = np.array([7 * WINDOWS.index(width) for width in CORRELATIONS])
    for number, (a, b) in enumerate(PAIRS):
        i, j = _PLACE[a], _PLACE[b]
        gaps = np.isnan(x[i]) | np.isnan(x[j])
        seen = np.concatenate([np.zeros((len(gaps), 1), np.int64), np.cumsum(~gaps, axis=1)], axis=1)
        rolled = by_metric[i], by_metric[j]
        _correlate(x[i], x[j], first, seen, (np.array(CORRELATIONS), places), rolled, out[7 * number : 7 * number + 7])
        _correlate_shifted(x[i], x[j], first, HALF, out[7 * number + 4 : 7 * number + 6])


def interact(x: Floats, first: int, long: Floats, out: Floats) -> None:
    """The same of `out` (14, n, periods), with what `roll` says (5, 3, n, periods) of the last `LONG`."""
    now = x[:, :, first:]
    enough = 2 * long[SEEN] >= LONG
    size = np.maximum(np.abs(long[LOW]), np.abs(long[HIGH]))
    mean = np.where(enough, np.where(np.abs(long[MEAN]) > ROUNDING * size, long[MEAN], 0.0), np.nan)
    with np.errstate(all="ignore"):
        varies = enough & (long[SECOND] > 0)
        z = np.where(varies, (now - long[MEAN]) / np.sqrt(long[SECOND] / (long[SEEN] - 1)), np.nan)
        for number, (a, b) in enumerate(PAIRS):
            i, j = _PLACE[a], _PLACE[b]
            product, gap, ratio, change = out[4 * number : 4 * number + 4]
            np.multiply(z[i], z[j], out=product)
            np.subtract(z[i], z[j], out=gap)
            np.divide(now[i], now[j], out=ratio)
            ratio[~np.isfinite(ratio)] = np.nan
            np.divide(ratio, mean[i] / mean[j], out=change)
            change[~np.isfinite(change)] = np.nan
        known = ~np.isnan(z)
        count = known.sum(axis=0)
        together = np.where(known, z, 0.0).sum(axis=0) / count
        highest = np.where(known, z, -np.inf).max(axis=0)
    out[-2], out[-1] = np.where(count > 1, together, np.nan), np.where(count > 1, highest, np.nan)


@compiled
def _correlate(
    a: Floats,
    b: Floats,
    first: int,
    seen: Integers,
    windows: tuple[Integers, Integers],
    rolled: tuple[Floats, Floats],
    out: Floats,
) -> None:
    (widths, places), (of_a, of_b) = windows, rolled
    for s in range(a.shape[0]):
        row, other = a[s], b[s]
        for t in range(first, a.shape[1]):
            column, end = t - first, t + 1
            for k in range(len(widths)):
                width, place = widths[k], places[k]
                n = seen[s, end] - seen[s, end - width]
                r = slope = math.nan
                if n == width:
                    # Of a window without gaps means and spreads are known already.
                    start, spread_a, spread_b = end - width, of_a[place + 1, s, column], of_b[place + 1, s, column]
                    if spread_a > 0 and spread_b > 0:
                        ab = product_of(row, other, start, start, n, of_a[place, s, column], of_b[place, s, column]) / (n - 1)
                        r, slope = correlation(ab, spread_a * spread_a, spread_b * spread_b), finite(ab / (spread_a * spread_a))
                elif n >= max(3, (width + 1) // 2):
                    _, r, slope = pair(row, other, end - width, end, end - width)
                out[k, s, column] = r
                if width == HALF:
                    out[6, s, column] = slope


@compiled
def _correlate_shifted(a: Floats, b: Floats, first: int, width: int, out: Floats) -> None:
    for s in range(a.shape[0]):
        row, other = a[s], b[s]
        for t in range(first, a.shape[1]):
            n, r, _ = pair(row, other, t + 1 - width, t + 1, t - width)
            out[0, s, t - first] = r if 2 * n >= width else math.nan
            n, r, _ = pair(row, other, t - width, t, t + 1 - width)
            out[1, s, t - first] = r if 2 * n >= width else math.nan
