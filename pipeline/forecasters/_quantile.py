"""Quantiles of many rows at once, with gaps and weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def row_quantiles(values: Floats, levels: Floats) -> Floats:
    """(n, q) linear-interpolation quantiles of each row's observed values; NaN for a row without any.

    What numpy.nanquantile answers, without its Python loop over rows.
    """
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
    weights = np.where(np.isnan(values), 0.0, np.broadcast_to(weights, values.shape))
    values = np.where(weights > 0, values, np.nan)
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    weight = np.take_along_axis(weights, order, axis=1)
    total = weight.sum(axis=1, keepdims=True)
    share = (np.cumsum(weight, axis=1) - weight / 2) / np.where(total > 0, total, 1.0)
    last = np.maximum((~np.isnan(ordered)).sum(axis=1) - 1, 0)
    rows = np.arange(len(values))
    quantiles = np.empty((len(values), len(levels)))
    for column, level in enumerate(levels):
        above = np.minimum((share < level).sum(axis=1), last)
        below = np.maximum(above - 1, 0)
        gap = share[rows, above] - share[rows, below]
        step = np.clip((level - share[rows, below]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        quantiles[:, column] = ordered[rows, below] + step * (ordered[rows, above] - ordered[rows, below])
    return np.where(total > 0, quantiles, np.nan)
