"""Order statistics of the rows in the time before each row: medians, quantiles, and the nearest value.

A window is a Fenwick tree over the ranks that its values have in the whole series, so that a row costs the logarithm of the rows.
Ranks say what is larger, and nothing else of later rows comes in: the answers for a prefix are the prefix of the answers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Stamps = npt.NDArray[np.datetime64]

_MICROSECOND = np.timedelta64(1, "us")


def quantiles_before(
    clock: Stamps, values: Floats, span: np.timedelta64, fewest: int, shares: tuple[float, ...], phase: Whole | None = None
) -> Floats:
    """Quantiles of the values in so much time before each row, interpolated; a median is the mean of the two in the middle.

    Args:
        clock: (n,) as `arrival_clock` gives it; of rows at the same moment none is before another.
        values: (n,) in any unit; NaN and infinities are missing.
        span: how far back, that moment included.
        fewest: values of which a quantile is made, at least 2.
        shares: of the values that lie below, between 0 and 1.
        phase: (n,) from 0 on; only rows of the same one count. All where not given.

    Returns:
        (shares, n) quantiles, bit for bit those of pandas' `rolling(span, closed="left")`; NaN of fewer values.
    """
    known = np.where(np.isfinite(values), values, np.nan)
    phase = np.zeros(len(known), dtype=np.int64) if phase is None else phase
    within, asked = (_microseconds(clock), _length(span)), (fewest, np.array(shares))
    return _quantiles(*within, known, np.argsort(known), phase, *asked)


def nearest_before(clock: Stamps, values: Floats, span: np.timedelta64, most: int) -> Floats:
    """Distance of each value to the nearest one in so much time before it, of the last `most` rows; NaN without one.

    Args:
        clock: (n,) as `arrival_clock` gives it; of rows at the same moment those that come first are before the others.
        values: (n,) in any unit; NaN and infinities are missing.
        span: how far back, that moment included.
        most: rows that are looked back at most.
    """
    known = np.where(np.isfinite(values), values, np.nan)
    return _nearest(_microseconds(clock), _length(span), known, np.argsort(known), most)


def median_of_three(values: Floats) -> Floats:
    """The median of each value, none of them NaN, and the two before it; at the beginning of those that there are."""
    median, middle = values.copy(), values[1:-1]
    median[1:2] = (values[:1] + values[1:2]) / 2
    median[2:] = np.fmax(np.fmin(values[:-2], middle), np.fmin(np.fmax(values[:-2], middle), values[2:]))
    return median


def _microseconds(clock: Stamps) -> Whole:
    return clock.astype("datetime64[us]").astype(np.int64)


def _length(span: np.timedelta64) -> int:
    return int(span / _MICROSECOND)


@compiled
def _quantiles(clock: Whole, span: int, values: Floats, by_value: Whole, phase: Whole, fewest: int, shares: Floats) -> Floats:
    out = np.full((len(shares), len(values)), np.nan)
    begins = _begins(phase)
    in_time, ordered = _by_phase(np.arange(len(values)), phase, begins), _by_phase(by_value, phase, begins)
    rank = np.empty(len(values), np.int64)
    for number in range(len(begins) - 1):
        rows, known = in_time[begins[number] : begins[number + 1]], ordered[begins[number] : begins[number + 1]]
        for place in range(len(known)):
            rank[known[place]] = place
        tree = _tree(len(rows))
        first, following, count = 0, 0, 0
        for row in rows:
            while clock[rows[following]] < clock[row]:
                count += _put(tree, rank, values, rows[following], 1)
                following += 1
            while clock[rows[first]] < clock[row] - span:
                count -= _put(tree, rank, values, rows[first], -1)
                first += 1
            if count >= fewest:
                for each in range(len(shares)):
                    out[each, row] = _quantile(tree, values, known, count, shares[each])
    return out


@compiled
def _nearest(clock: Whole, span: int, values: Floats, by_value: Whole, most: int) -> Floats:
    out = np.full(len(values), np.nan)
    rank, tree = np.empty(len(values), np.int64), _tree(len(values))
    for place in range(len(values)):
        rank[by_value[place]] = place
    first, count = 0, 0
    for row in range(len(values)):
        while first < row - most or clock[first] < clock[row] - span:
            count -= _put(tree, rank, values, first, -1)
            first += 1
        if count and values[row] == values[row]:
            lower, distance = _count_below(tree, rank[row]), np.inf
            if lower > 0:
                distance = values[row] - values[by_value[_find(tree, lower - 1)]]
            if lower < count:
                distance = min(distance, values[by_value[_find(tree, lower)]] - values[row])
            out[row] = distance
        count += _put(tree, rank, values, row, 1)
    return out


@compiled
def _begins(phase: Whole) -> Whole:
    """Where the rows of each phase begin when they are sorted by it, and after the last one where they end."""
    begins = np.zeros((phase.max() if len(phase) else 0) + 2, np.int64)
    for each in phase:
        begins[each + 1] += 1
    return np.cumsum(begins)


@compiled
def _by_phase(rows: Whole, phase: Whole, begins: Whole) -> Whole:
    """Rows sorted by their phase, otherwise in the order that they have."""
    found, following = np.empty(len(rows), np.int64), begins.copy()
    for row in rows:
        found[following[phase[row]]] = row
        following[phase[row]] += 1
    return found


@compiled
def _tree(size: int) -> Counts:
    """No value at any of so many places; a power of two, so that a search need not look where it ends.

    Source: Fenwick (1994), A new data structure for cumulative frequency tables.
    """
    room = 1
    while room <= size:
        room *= 2
    return np.zeros(room, np.int32)


@compiled
def _put(tree: Counts, rank: Whole, values: Floats, row: int, change: int) -> int:
    """The value of a row in (1) or out (-1) of the window; how many values that were, 0 of a missing one."""
    if values[row] != values[row]:
        return 0
    place = rank[row] + 1
    while place < len(tree):
        tree[place] += change
        place += place & -place
    return 1


@compiled
def _count_below(tree: Counts, place: int) -> int:
    """How many values of the window have a lower place."""
    found = 0
    while place > 0:
        found += tree[place]
        place -= place & -place
    return found


@compiled
def _find(tree: Counts, number: int) -> int:
    """The place of the value that so many of the window are before; there must be one."""
    place, step = 0, len(tree) // 2
    while step:
        if tree[place + step] <= number:
            place += step
            number -= tree[place]
        step //= 2
    return place


@compiled
def _quantile(tree: Counts, values: Floats, known: Whole, count: int, share: float) -> float:
    if share == 0.5:
        middle = count // 2
        above: float = values[known[_find(tree, middle)]]
        return above if count % 2 else (above + values[known[_find(tree, middle - 1)]]) / 2
    at = share * (count - 1)
    low = int(at)
    below: float = values[known[_find(tree, low)]]
    return below if at == low else below + (values[known[_find(tree, low + 1)]] - below) * (at - low)
