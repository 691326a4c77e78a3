"""How each series can be answered: by a model, or by the fallback, and why."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats, Panel

#: Why a series is answered by the fallback instead of the model; "full" is answered by the model.
TIERS = {
    "full": "enough regular history for any model",
    "empty": "no observed value: answered with zero",
    "constant": "never changed: answered with that value",
    "dead": "flat for the last quarter of its history and at least three seasons: answered with the last value",
    "new": "less than one season observed: answered with the quantiles of what was seen",
    "short": "less than two seasons observed: answered with the quantiles of what was seen",
    "gappy": "more than half of its periods are missing: answered with the quantiles of its recent values",
    "intermittent": "zero in nine periods of ten, the rest out of season: answered with the quantiles of its recent values",
}
#: What a model that others are measured against answers itself.
REFERENCE = ("full", "intermittent")
#: Share of observed periods that are zero from which a series may be intermittent.
_MOSTLY_ZERO = 0.9


def tier(panel: Panel) -> npt.NDArray[np.str_]:
    """(n,) the key of TIERS that says how each series can be answered."""
    observed = ~np.isnan(panel.values)
    count = observed.sum(axis=1)
    low, high = observed_range(panel.values)
    span = panel.periods - observed.argmax(axis=1)
    tail = np.maximum(3 * panel.season, span // 4)
    recent = np.where(np.arange(panel.periods) >= panel.periods - tail[:, None], panel.values, np.nan)
    recent_low, recent_high = observed_range(recent)
    answers = np.full(len(panel), "full", dtype="<U12")
    answers[intermittent(panel)] = "intermittent"
    answers[2 * count < span] = "gappy"
    answers[(recent_low == recent_high) & (span > tail)] = "dead"
    answers[count < 2 * panel.season] = "short"
    answers[count < panel.season] = "new"
    answers[low == high] = "constant"
    answers[count == 0] = "empty"
    return answers


def intermittent(panel: Panel) -> npt.NDArray[np.bool_]:
    """(n,) whether a series is almost always zero, and the rest follows no season, as the load of a nightly job does."""
    observed, active = ~np.isnan(panel.values), np.nan_to_num(panel.values) != 0
    zeros = (observed & ~active).sum(axis=1)
    late, early = active[:, panel.season :], active[:, : -panel.season]
    expected = (late & early).sum(axis=1)
    rare = (zeros > 0) & (zeros >= _MOSTLY_ZERO * observed.sum(axis=1))
    flags: npt.NDArray[np.bool_] = rare & (2 * expected < np.maximum(late.sum(axis=1), 1))
    return flags


def trending(panel: Panel) -> npt.NDArray[np.bool_]:
    """(n,) whether a series has risen almost season by season: Spearman's ρ of its season means with time ≥ 0.8."""
    seasons = panel.periods // panel.season
    if seasons < 8:
        return np.zeros(len(panel), dtype=bool)
    block = panel.values[:, -seasons * panel.season :].reshape(len(panel), seasons, panel.season)
    observed = ~np.isnan(block)
    mean = np.where(observed, block, 0.0).sum(axis=2) / np.maximum(observed.sum(axis=2), 1)
    ranks = mean.argsort(axis=1).argsort(axis=1).astype(np.float64)
    time = np.arange(seasons) - (seasons - 1) / 2
    rho = (ranks - ranks.mean(axis=1, keepdims=True)) @ time / (time @ time)
    complete: npt.NDArray[np.bool_] = np.all(observed.any(axis=2), axis=1)
    flags: npt.NDArray[np.bool_] = (rho >= 0.8) & complete
    return flags


def observed_range(values: Floats) -> tuple[Floats, Floats]:
    missing = np.isnan(values)
    return np.where(missing, np.inf, values).min(axis=1), np.where(missing, -np.inf, values).max(axis=1)
