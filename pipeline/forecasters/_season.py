"""Many series at once: values by phase of the season, gaps filled by the season before, exponential means."""

from __future__ import annotations

import numpy as np

from pipeline.forecasting.panel import Floats


def phases(values: Floats, season: int) -> Floats:
    """(n, seasons, season) the whole seasons up to the end; phase j is that of lead j + 1. The rest at the start is cut."""
    n, periods = values.shape
    seasons = periods // season
    return values[:, periods - seasons * season :].reshape(n, seasons, season)


def fill(values: Floats, season: int) -> Floats:
    """(n, T) gaps filled with the same phase one season before, else the last value; what precedes a series stays NaN."""
    if not np.isnan(values).any():
        return values
    filled = values.copy()
    whole = phases(filled, season)
    for number in range(1, whole.shape[1]):
        gap = np.isnan(whole[:, number])
        whole[:, number][gap] = whole[:, number - 1][gap]
    # Seasons were filled with those before; a phase never seen before takes the period before it.
    observed = ~np.isnan(filled)
    begun = np.maximum.accumulate(observed, axis=1)
    latest = np.maximum.accumulate(np.where(observed, np.arange(filled.shape[1]), 0), axis=1)
    carried: Floats = np.where(begun, np.take_along_axis(filled, latest, axis=1), np.nan)
    return carried


def seasonal_index(values: Floats, season: int, half_life: float = 4.0, shrinkage: float = 1.0) -> Floats:
    """(n, season) typical deviation of each phase from its season's mean, recent seasons weighing more; sums to zero.

    Args:
        values: (n, T), NaN where missing.
        season: periods per season.
        half_life: age in seasons at which one weighs half.
        shrinkage: seasons' worth of evidence for "no deviation".
    """
    whole = phases(values, season)
    observed = ~np.isnan(whole)
    mean = np.where(observed, whole, 0.0).sum(axis=2) / np.maximum(observed.sum(axis=2), 1)
    weight = observed * 0.5 ** (np.arange(whole.shape[1])[::-1] / half_life)[None, :, None]
    deviation = np.where(observed, whole - mean[:, :, None], 0.0)
    index = (weight * deviation).sum(axis=1) / (weight.sum(axis=1) + shrinkage)
    centred: Floats = index - index.mean(axis=1, keepdims=True)
    return centred


def exponential_means(values: Floats, alphas: tuple[float, ...], start: Floats) -> Floats:
    """(a, n, T) running means m_t = m_{t−1} + α (y_t − m_{t−1}), for every α at once.

    Args:
        values: (n, T) without gaps.
        alphas: weight of the newest value, between 0 and 1.
        start: (n,) mean before the first value.

    Blocks of columns are products with one triangular matrix, and only the carry from block to block is a loop.
    """
    n, periods = values.shape
    size = 32
    blocks = -(-periods // size)
    padding = blocks * size - periods
    # In front, where it does not disturb: a mean that is fed its own value stays.
    padded = np.concatenate([np.repeat(start[:, None], padding, axis=1), values], axis=1).reshape(n * blocks, size)
    lag = np.arange(size) - np.arange(size)[:, None]
    result = np.empty((len(alphas), n, blocks, size))
    for number, alpha in enumerate(alphas):
        kernel = np.where(lag >= 0, alpha * (1 - alpha) ** np.maximum(lag, 0), 0.0)
        inside = (padded @ kernel).reshape(n, blocks, size)
        fade = (1 - alpha) ** np.arange(1, size + 1)
        carry = start
        for block in range(blocks):
            inside[:, block] += carry[:, None] * fade
            carry = inside[:, block, -1]
        result[number] = inside
    return result.reshape(len(alphas), n, -1)[:, :, padding:]
