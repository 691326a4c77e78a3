"""What values a series had, in so many spans: a bounded memory of the levels that are known, and how far away a new one is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled

Floats = npt.NDArray[np.float32]
Hours = npt.NDArray[np.uint16]

#: What is not seen for so many hours is forgotten; hours are counted modulo 65,536.
FORGOTTEN_HOURS = 28 * 24
_MODULUS = 65_536
_TAIL = 0.005


@compiled
def find(edges: Floats, count: int, value: float) -> tuple[int, int, float]:
    """Where a value belongs among spans, the nearest of them (-1 where there is none), and the distance to it.

    Args:
        edges: (n, 2) lower and upper edge of each span, in order; the first `count` are in use.
        count: spans in use.
        value: to be found.
    """
    at = int(np.searchsorted(edges[:count, 0], np.float32(value), side="right"))
    nearest, distance = -1, np.inf
    if at < count:
        nearest, distance = at, edges[at, 0] - value
    if at > 0 and value - edges[at - 1, 1] < distance:
        nearest, distance = at - 1, max(value - edges[at - 1, 1], 0.0)
    return at, nearest, distance


@compiled
def add(edges: Floats, weight: Floats, seen: Hours, count: int, at: int, value: float, hour: int) -> int:
    """Put a value in at its place; where there is no room, the two spans with the smallest gap become one.

    The gap between two spans that become one is taken for known: a distance is never too large, and too small by no more than
    half of the smallest gap.

    Returns:
        The spans in use.
    """
    for place in range(count, at, -1):
        edges[place], weight[place], seen[place] = edges[place - 1], weight[place - 1], seen[place - 1]
    edges[at, 0], edges[at, 1], weight[at], seen[at] = value, value, 1.0, hour % _MODULUS
    if count + 1 < len(edges):
        return count + 1
    gaps = edges[1:, 0] - edges[:-1, 1]
    low = int(np.argmin(gaps))
    edges[low, 1] = edges[low + 1, 1]
    weight[low] += weight[low + 1]
    if (hour - seen[low + 1]) % _MODULUS < (hour - seen[low]) % _MODULUS:
        seen[low] = seen[low + 1]
    for place in range(low + 1, count):
        edges[place], weight[place], seen[place] = edges[place + 1], weight[place + 1], seen[place + 1]
    return count


@compiled
def forget(edges: Floats, weight: Floats, seen: Hours, count: int, hour: int, fade: float) -> int:
    """Leave out spans that were not seen for long, and let the weight of the others fade. Returns the spans in use."""
    kept = 0
    for place in range(count):
        if (hour - seen[place]) % _MODULUS <= FORGOTTEN_HOURS:
            edges[kept], weight[kept], seen[kept] = edges[place], weight[place] * np.float32(fade), seen[place]
            kept += 1
    return kept


@compiled
def usual_range(edges: Floats, weight: Floats, count: int) -> float:
    """The range between the 0.5th and the 99.5th percentile of what was seen; NaN of fewer than four spans."""
    if count < 4:
        return np.nan
    return _quantile(edges, weight, count, 1 - _TAIL) - _quantile(edges, weight, count, _TAIL)


@compiled
def _quantile(edges: Floats, weight: Floats, count: int, share: float) -> float:
    """A quantile of what was seen, taken as even within a span."""
    total = 0.0
    for place in range(count):
        total += weight[place]
    rest = share * total
    for place in range(count):
        if rest <= weight[place]:
            return float(edges[place, 0] + rest / weight[place] * (edges[place, 1] - edges[place, 0]))
        rest -= weight[place]
    return float(edges[count - 1, 1])
