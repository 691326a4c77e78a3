"""The left matrix profile: how unlike any earlier stretch of the same length the newest samples of a series are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.compiled import compiled

Floats = npt.NDArray[np.float64]


def left_profile(values: Floats, oldest: npt.NDArray[np.int64], length: int, floor: Floats, by_shape: bool = True) -> Floats:
    """Distance of the last `length` samples up to each row to the nearest earlier stretch that does not overlap them.

    Stretches are compared by their shape: each less its mean, in its own deviations, so that a distance lies between 0 and
    2 × √`length`. One that hardly varies is divided by `floor`, so that noise on a flat line has no shape.

    Args:
        values: (n,) without gaps; NaN only at the beginning, where nothing is known yet.
        oldest: (n,) the first row that a row is compared with.
        length: samples of a stretch.
        floor: (n,) smallest deviation of the stretch that ends at each row.
        by_shape: whether it is shapes that are compared; otherwise the values as they are, and distances have their unit.

    Returns:
        (n,) distances; NaN where there is no earlier stretch. Causal: each depends on the rows before it and on itself alone.

    Source: Yeh et al. (2016), Matrix Profile I; STOMP's recurrence of dot products from row to row, begun anew at every
    `length`th row so that what is very large is forgotten with its stretch.
    """
    profile = np.full(len(values), np.nan)
    known = int(np.isnan(values).sum())
    if len(values) - known > 2 * length:
        profile[known:] = _profile(values[known:], np.fmax(oldest[known:] - known, 0), length, floor[known:], by_shape)
    return profile


@compiled
def _profile(values: Floats, oldest: npt.NDArray[np.int64], length: int, floor: Floats, by_shape: bool) -> Floats:
    rows = len(values)
    profile, mean, spread, size = np.full(rows, np.nan), np.zeros(rows), np.ones(rows), np.zeros(rows)
    for end in range(length - 1, rows):
        stretch = values[end - length + 1 : end + 1]
        if not by_shape:
            size[end] = (stretch**2).sum()
            continue
        mean[end] = stretch.mean()
        varies = ((stretch - mean[end]) ** 2).mean()
        spread[end] = max(np.sqrt(varies), floor[end])
        # Its own dot product: `length`, and less where the floor divided it.
        size[end] = length * varies / spread[end] ** 2
    dot = np.zeros(rows)
    for end in range(2 * length - 1, rows):
        first, last = max(oldest[end], length - 1), end - length
        if end % length == 0 or end == 2 * length - 1:
            for other in range(length - 1, last + 1):
                total = 0.0
                for step in range(length):
                    total += values[end - step] * values[other - step]
                dot[other] = total
        else:
            for other in range(last, length - 1, -1):
                gone = values[end - length] * values[other - length]
                dot[other] = dot[other - 1] - gone + values[end] * values[other]
            total = 0.0
            for step in range(length):
                total += values[end - step] * values[length - 1 - step]
            dot[length - 1] = total
        nearest = np.inf
        for other in range(first, last + 1):
            shared = (dot[other] - length * mean[end] * mean[other]) / (spread[end] * spread[other])
            own = size[end] + size[other]
            nearest = min(nearest, own - 2 * shared)
        profile[end] = np.sqrt(max(nearest, 0.0)) if nearest < np.inf else np.nan
    return profile
