"""Quantiles of many rows at once, with gaps and weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats


def row_quantiles(values: Floats, levels: Floats) -> Floats:
    """(n, q) linear-interpolation quantiles of each row's observed values; NaN for a row without any.

    What numpy.nanquantile answers, without its Python loop over rows.
    """
    if not values.shape[1]:
        return np.full((len(values), len(levels)), np.nan)
    ordered = np.sort(values, axis=1)
    count = (~np.isnan(ordered)).sum(axis=1)
    rank = levels * np.maximum(count - 1, 0)[:, None]
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[:, None])
    rows = np.arange(len(values))[:, None]
    share = rank - below
    quantiles: Floats = ordered[rows, below] * (1 - share) + ordered[rows, above] * share
    return quantiles


def weighted_quantiles(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """(n, q) quantiles of each row under weights ≥ 0; missing values weigh nothing; NaN for a row without weight.

    The empirical distribution puts each value at the middle of its own weight and is linear between, so that equal
    weights give the (k − ½)/N plotting positions.
    """
    weights = np.where(np.isnan(values), 0.0, weights)
    order = row_order(np.where(weights > 0, values, np.nan))
    weight = np.take_along_axis(weights, order, axis=1)
    share = np.cumsum(weight, axis=1)
    total = share[:, -1:].copy()
    share -= weight / 2
    share /= np.where(total > 0, total, 1.0)
    last = np.maximum(np.count_nonzero(weight, axis=1) - 1, 0)[:, None]
    rows = np.arange(len(values))[:, None]
    # Row r's shares lie between r and r + 1 in one ascending array, so that all rows are searched at once.
    ascending = (share + rows).ravel()
    above = np.searchsorted(ascending, (rows + levels).ravel()).reshape(len(values), -1) - rows * values.shape[1]
    above = np.clip(above, 0, last)
    below = np.maximum(above - 1, 0)
    before, gap = share[rows, below], share[rows, above] - share[rows, below]
    step = np.clip((levels - before) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
    low, high = values[rows, order[rows, below]], values[rows, order[rows, above]]
    quantiles = low + step * (high - low)
    return np.where(total > 0, quantiles, np.nan)


def row_order(values: Floats) -> npt.NDArray[np.int64]:
    """(n, k) what argsort along rows answers, NaN last, up to the order of values equal to twelve digits.

    numpy sorts floats with vector instructions but argsorts without: a value whose last mantissa bits are replaced by
    its column is sorted ten times faster, and the bits then tell where it came from.
    """
    bits = max(values.shape[1] - 1, 1).bit_length()
    mask = np.int64((1 << bits) - 1)
    packed = np.where(np.isnan(values), np.finfo(np.float64).max, values).view(np.int64)
    packed &= ~mask
    packed |= np.arange(values.shape[1])
    packed.view(np.float64).sort(axis=1)
    packed &= mask
    return packed
