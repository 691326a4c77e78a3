"""How good a forecast was. Every function works along the last axes of arrays, per series; NaN actuals do not count.

Notation: `actual` (n, h), `point` (n, h) the median, `quantiles` (n, h, q) with `levels` (q,), `scale` (n,).
A score without a defined value (no actuals, zero scale) is NaN, never infinite.
"""

from __future__ import annotations

import warnings

import numpy as np

from pipeline.forecasting.panel import Floats

#: Central prediction intervals and the two published quantiles that bound them.
INTERVALS: dict[int, tuple[float, float]] = {50: (0.25, 0.75), 80: (0.1, 0.9), 90: (0.05, 0.95)}


def absolute_scale(history: Floats, season: int) -> Floats:
    """(n,) mean |y_t − y_{t−m}| over the training part, the denominator of MASE and of the scaled pinball loss.

    NaN where no pair of values one season apart exists or where the series repeats itself exactly: there is no scale.

    Source: Hyndman & Koehler (2006), Another look at measures of forecast accuracy.
    """
    return _positive(mean(np.abs(_seasonal_difference(history, season))))


def squared_scale(history: Floats, season: int) -> Floats:
    """(n,) root mean square of y_t − y_{t−m} over the training part, the denominator of RMSSE.

    Source: Makridakis et al. (2022), M5 accuracy competition, with the seasonal instead of the one-step difference.
    """
    return _positive(np.sqrt(mean(_seasonal_difference(history, season) ** 2)))


def mase(actual: Floats, point: Floats, scale: Floats) -> Floats:
    """(n,) mean absolute scaled error: mean |y − ŷ| / `absolute_scale`. Below 1 beats the seasonal naive in-sample."""
    return mean(np.abs(actual - point)) / scale


def rmsse(actual: Floats, point: Floats, scale: Floats) -> Floats:
    """(n,) root mean squared scaled error: √mean (y − ŷ)² / `squared_scale`."""
    return np.sqrt(mean((actual - point) ** 2)) / scale


def wape(actual: Floats, point: Floats) -> Floats:
    """(n,) weighted absolute percentage error as a ratio: Σ|y − ŷ| / Σ|y|; NaN where all actuals are zero."""
    weight = _positive(np.nansum(np.abs(actual), axis=-1))
    total: Floats = np.nansum(np.abs(actual - point), axis=-1) / weight
    return total


def smape(actual: Floats, point: Floats) -> Floats:
    """(n,) symmetric MAPE as a ratio between 0 and 2: mean 2|y − ŷ| / (|y| + |ŷ|), where 0/0 counts as a hit."""
    size = np.abs(actual) + np.abs(point)
    ratio = np.where(size > 0, 2 * np.abs(actual - point) / np.where(size > 0, size, 1.0), 0.0)
    return mean(np.where(np.isnan(actual), np.nan, ratio))


def pinball(actual: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """(n, h, q) pinball loss max(τ(y − ŷ_τ), (τ − 1)(y − ŷ_τ)): what a quantile is asked to minimise.

    Source: Koenker & Bassett (1978), Regression quantiles.
    """
    miss = actual[..., None] - quantiles
    return np.maximum(levels * miss, (levels - 1) * miss)


def scaled_pinball(actual: Floats, quantiles: Floats, levels: Floats, scale: Floats) -> Floats:
    """(n,) mean pinball loss over lead times and levels / `absolute_scale`."""
    return mean(pinball(actual, quantiles, levels).mean(axis=-1)) / scale


def coverage(actual: Floats, low: Floats, high: Floats) -> Floats:
    """(n,) share of actuals inside [low, high]."""
    inside = (actual >= low) & (actual <= high)
    return mean(np.where(np.isnan(actual), np.nan, inside.astype(np.float64)))


def bias(actual: Floats, point: Floats, scale: Floats) -> Floats:
    """(n,) mean (ŷ − y) / `absolute_scale`: positive forecasts too much."""
    return mean(point - actual) / scale


def skill(loss: Floats, reference: Floats) -> Floats:
    """1 − loss / reference: the share of a reference's error (the seasonal naive's) that a model removes."""
    return 1 - loss / _positive(reference)


def _seasonal_difference(history: Floats, season: int) -> Floats:
    return history[..., season:] - history[..., :-season]


def mean(values: Floats) -> Floats:
    """Mean of what is there along the last axis; NaN where nothing is."""
    with warnings.catch_warnings():
        # An axis of NaN only is a legitimate "no score"; numpy warns of it.
        warnings.simplefilter("ignore", RuntimeWarning)
        average: Floats = np.nanmean(values, axis=-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
    return average


def _positive(scale: Floats) -> Floats:
    """A scale of zero, or one that is only rounding noise, is no scale."""
    return np.where(scale > 1e-12, scale, np.nan)
