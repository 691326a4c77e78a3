"""What is worked out of one window of a row of values.

Every window is looked at anew: what a row says never depends on where the history that was read begins, nor on an error that adds
up. A missing value is NaN, and so is a sum with one in it: only such a window is gone through value by value.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pipeline.compiled import added, compiled

Floats = npt.NDArray[np.float64]

#: Differences that are a smaller share of what is subtracted say only how numbers are rounded.
ROUNDING = 1e-9
#: Squares below this are 0: their own squares would be no numbers any more.
TINY = 1e-150
#: Places of what is said of a window: how many are observed, mean, lowest, highest, sum of squared deviations.
SEEN, MEAN, LOW, HIGH, SECOND = range(5)


@added
def _sum(row: Floats, start: int, end: int) -> float:
    total = 0.0
    for i in range(start, end):
        total += row[i]
    return total


@added
def _squares(row: Floats, start: int, end: int, mean: float) -> float:
    total = 0.0
    for i in range(start, end):
        total += (row[i] - mean) * (row[i] - mean)
    return total


@added
def _powers(row: Floats, start: int, end: int, mean: float) -> tuple[float, float, float]:
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(start, end):
        square = (row[i] - mean) * (row[i] - mean)
        second += square
        third += square * (row[i] - mean)
        fourth += square * square
    return second, third, fourth


@added
def _products(a: Floats, b: Floats, start: int, other: int, n: int, of_a: float, of_b: float) -> tuple[float, float, float]:
    aa, bb, ab = 0.0, 0.0, 0.0
    for i in range(n):
        x, y = a[start + i] - of_a, b[other + i] - of_b
        aa += x * x
        bb += y * y
        ab += x * y
    return aa, bb, ab


@added
def product_of(a: Floats, b: Floats, start: int, other: int, n: int, of_a: float, of_b: float) -> float:
    """The sum of the products of the deviations of `n` pairs, all observed, from `start` of a and `other` of b on."""
    total = 0.0
    for i in range(n):
        total += (a[start + i] - of_a) * (b[other + i] - of_b)
    return total


@added
def _along(row: Floats, start: int, end: int, mean: float, middle: float) -> float:
    total = 0.0
    for i in range(end - start):
        total += (i - middle) * (row[start + i] - mean)
    return total


@compiled
def mean_of(row: Floats, start: int, end: int) -> tuple[int, float]:
    """How many values of `row[start:end]` are observed, and their mean."""
    total, n = _sum(row, start, end), end - start
    if total == total:
        return n, total / n
    total, n = 0.0, 0
    for i in range(start, end):
        if row[i] == row[i]:
            total += row[i]
            n += 1
    return n, total / n if n else math.nan


@compiled
def second_of(row: Floats, start: int, end: int, n: int, mean: float) -> float:
    """The sum of the squared deviations of a window's `n` values from their mean; 0 where they do not vary."""
    if n == end - start:
        return varying(_squares(row, start, end, mean), n, mean)
    second = 0.0
    for i in range(start, end):
        if row[i] == row[i]:
            second += (row[i] - mean) * (row[i] - mean)
    return varying(second, n, mean)


@compiled
def powers_of(row: Floats, start: int, end: int, n: int, mean: float) -> tuple[float, float, float]:
    """The same, and the sums of their third and fourth powers."""
    if n == end - start:
        second, third, fourth = _powers(row, start, end, mean)
        return varying(second, n, mean), third, fourth
    second, third, fourth = 0.0, 0.0, 0.0
    for i in range(start, end):
        if row[i] == row[i]:
            square = (row[i] - mean) ** 2
            second += square
            third += square * (row[i] - mean)
            fourth += square * square
    return varying(second, n, mean), third, fourth


@compiled
def varying(second: float, n: int, mean: float) -> float:
    """A sum of squared deviations, or 0 where it is a matter of rounding."""
    return second if second > n * (ROUNDING * mean) * (ROUNDING * mean) + TINY else 0.0


@compiled
def spread(row: Floats, start: int, end: int) -> tuple[int, float, float]:
    """How many values of a window are observed, their mean, their standard deviation: 0 where they do not vary, NaN of one."""
    n, mean = mean_of(row, start, end)
    if n < 2:
        return n, mean, math.nan
    return n, mean, math.sqrt(second_of(row, start, end, n, mean) / (n - 1))


@compiled
def line(row: Floats, start: int, end: int) -> tuple[int, float, float]:
    """The least-squares line through the observed values of a window: how many, slope per period, level at the last period."""
    n, mean = mean_of(row, start, end)
    width = end - start
    if n == width:
        middle = (width - 1) / 2
        slope = _along(row, start, end, mean, middle) / (width * (width * width - 1.0) / 12)
        return n, slope, mean + slope * middle
    if n < 2:
        return n, math.nan, math.nan
    middle, across, along = 0.0, 0.0, 0.0
    for i in range(width):
        if row[start + i] == row[start + i]:
            middle += i
    middle /= n
    for i in range(width):
        if row[start + i] == row[start + i]:
            across += (i - middle) ** 2
            along += (i - middle) * (row[start + i] - mean)
    return n, along / across, mean + along / across * (width - 1 - middle)


@compiled
def pair(a: Floats, b: Floats, start: int, end: int, other: int) -> tuple[int, float, float]:
    """Of `a[start:end]` and as many of b from `other` on: how many pairs are observed, their correlation, the slope of b on a.

    The last two are NaN where one does not vary.
    """
    n = end - start
    of_a, of_b = _sum(a, start, end) / n, _sum(b, other, other + n) / n
    if of_a == of_a and of_b == of_b:
        aa, bb, ab = _products(a, b, start, other, n, of_a, of_b)
    else:
        n, of_a, of_b, aa, bb, ab = _known_pairs(a, b, start, other, n)
    if varying(aa, n, of_a) == 0 or varying(bb, n, of_b) == 0:
        return n, math.nan, math.nan
    return n, correlation(ab, aa, bb), finite(ab / aa)


@compiled
def correlation(ab: float, aa: float, bb: float) -> float:
    """Pearson's, from the sums of the products of deviations."""
    return min(1.0, max(-1.0, finite(ab / math.sqrt(aa * bb))))


@compiled
def _known_pairs(a: Floats, b: Floats, start: int, other: int, width: int) -> tuple[int, float, float, float, float, float]:
    n, of_a, of_b, aa, bb, ab = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(width):
        if a[start + i] == a[start + i] and b[other + i] == b[other + i]:
            n += 1
            of_a += a[start + i]
            of_b += b[other + i]
    if n:
        of_a, of_b = of_a / n, of_b / n
    for i in range(width):
        x, y = a[start + i] - of_a, b[other + i] - of_b
        if x == x and y == y:
            aa += x * x
            bb += y * y
            ab += x * y
    return n, of_a, of_b, aa, bb, ab


@compiled
def finite(value: float) -> float:
    """The value, or NaN in place of infinity."""
    return value if math.isfinite(value) else math.nan


@compiled
def ratio(above: float, below: float, size: float) -> float:
    """One by the other; NaN where the other is 0 beside the size of what it was worked out of."""
    return finite(above / below) if abs(below) > ROUNDING * abs(size) else math.nan


@compiled
def snapped(difference: float, size: float) -> float:
    """A difference, or 0 where it is a matter of rounding beside the size of what was subtracted."""
    return 0.0 if abs(difference) <= ROUNDING * abs(size) else difference
