"""Quantiles around a point forecast from the errors it would have made at earlier cutoffs of the same series."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._quantile import row_quantiles
from pipeline.panel import Panel

Floats = npt.NDArray[np.float64]
Point = Callable[[Panel, int], Floats]


def cutoffs(panel: Panel, horizon: int, most: int) -> list[int]:
    """How many periods ago the past forecasts start: at most `most` of them, in the later half of the history."""
    half = panel.periods // 2
    stride = max(1, min(horizon, half // most))
    return list(range(stride, half + 1, stride))[:most]


def past_errors(panel: Panel, point: Point, horizon: int, most: int) -> Floats:
    """(cutoffs, n, horizon) actual minus forecast at past cutoffs, newest first; NaN where there is no actual."""
    found = []
    for back in cutoffs(panel, horizon, most):
        lead = min(horizon, back)
        actual = panel.values[:, panel.periods - back : panel.periods - back + lead]
        error = np.full((len(panel), horizon), np.nan)
        error[:, :lead] = actual - point(panel.truncate(back), lead)
        found.append(error)
    return np.stack(found) if found else np.full((0, len(panel), horizon), np.nan)


def around(point: Floats, errors: Floats, quantiles: tuple[float, ...]) -> Floats:
    """(n, horizon, q) the point forecast plus quantiles of its past errors.

    Errors of all lead times are pooled per series after division by how errors grow with lead time over the whole
    panel: 24 leads × 6 cutoffs are enough for a 5 % quantile, 6 cutoffs alone are not.
    """
    growth = lead_growth(errors)
    pooled = np.moveaxis(errors / growth, 0, 1).reshape(len(point), -1)
    spread = row_quantiles(pooled, np.asarray(quantiles))
    return point[:, :, None] + growth[None, :, None] * spread[:, None, :]


def lead_growth(errors: Floats) -> Floats:
    """(horizon,) median over series of mean |error| at each lead time, relative to lead 1, never falling.

    Leads that no past cutoff reaches grow with the square root of time, as a random walk's error does.
    """
    horizon = errors.shape[2]
    size = np.abs(errors)
    seen = ~np.isnan(size)
    mean = np.where(seen, size, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    level = np.where(seen.any(axis=0), mean, 0.0).sum(axis=1, keepdims=True)
    relative = np.where(seen.any(axis=0) & (level > 0), mean / np.where(level > 0, level, 1.0), np.nan)
    curve = row_quantiles(relative.T, np.array([0.5]))[:, 0]
    known = np.flatnonzero(np.nan_to_num(curve) > 0)
    if not len(known):
        return np.sqrt(np.arange(1, horizon + 1))
    reach = known[-1] + 1
    curve = np.interp(np.arange(reach), known, curve[known])
    # Three neighbours smooth the curve: with few series a single lead time is noise.
    padded = np.pad(curve, 1, mode="edge")
    curve = np.maximum.accumulate((padded[:-2] + padded[1:-1] + padded[2:]) / 3)
    tail = curve[-1] * np.sqrt(np.arange(reach + 1, horizon + 1) / reach)
    relative_growth: Floats = np.concatenate([curve, tail]) / curve[0]
    return relative_growth
