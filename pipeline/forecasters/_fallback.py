"""What every forecaster owes every series: an answer with a reason, within bounds, never NaN."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._quantile import row_quantiles
from pipeline.panel import Panel

Floats = npt.NDArray[np.float64]

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
#: Seasons of recent values that the fallback's quantiles look at.
_RECENT_SEASONS = 8
#: No forecast exceeds the historical maximum by more than half, or trebles it where the series has kept growing.
_CEILING, _CEILING_TREND = 1.5, 3.0


def tier(panel: Panel) -> npt.NDArray[np.str_]:
    """(n,) the key of TIERS that says how each series can be answered."""
    observed = ~np.isnan(panel.values)
    count = observed.sum(axis=1)
    low, high = _range(panel.values)
    span = panel.periods - observed.argmax(axis=1)
    tail = np.maximum(3 * panel.season, span // 4)
    recent = np.where(np.arange(panel.periods) >= panel.periods - tail[:, None], panel.values, np.nan)
    recent_low, recent_high = _range(recent)
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


def fallback(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> Floats:
    """(n, horizon, q) an answer without a model: the last value of a flat series, else quantiles of recent values."""
    levels = np.asarray(quantiles)
    kind = tier(panel)
    recent = panel.tail(max(_RECENT_SEASONS * panel.season, 1)).values
    silent = np.isnan(recent).all(axis=1)
    answer = row_quantiles(recent, levels)
    if silent.any():
        answer[silent] = row_quantiles(panel.values[silent], levels)
    flat = np.isin(kind, ("constant", "dead"))
    answer[flat] = last_value(panel.values)[flat, None]
    answer[kind == "empty"] = 0.0
    return np.repeat(answer[:, None, :], horizon, axis=1)


def settle(panel: Panel, raw: Floats, quantiles: tuple[float, ...], modelled: tuple[str, ...] = ("full",)) -> Floats:
    """Make a model's raw quantiles publishable.

    Series the model cannot know (those of no tier in `modelled`) and values that are not finite take the fallback; the rest
    is clamped to the bounds and to a sane multiple of history (one intermittent cost line once made a model
    emit 1e7), and sorted so that quantiles never cross.

    Args:
        panel: what the forecast was made from.
        raw: (n, horizon, q) quantiles, NaN where the model has no answer.
        quantiles: their levels, ascending.
        modelled: tiers that the model answers itself.
    """
    spare = fallback(panel, raw.shape[1], quantiles)
    usable = np.isfinite(raw).all(axis=(1, 2)) & np.isin(tier(panel), modelled)
    answer = np.where(usable[:, None, None], raw, spare)
    low, high = limits(panel)
    answer = np.clip(answer, low[:, None, None], high[:, None, None])
    answer.sort(axis=2)
    return answer


def limits(panel: Panel) -> tuple[Floats, Floats]:
    """(n,), (n,) the lowest and highest value that any forecast of the series may take."""
    low, high = _range(panel.values)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    factor = np.where(trending(panel), _CEILING_TREND, _CEILING)
    # Below zero "1.5 times the maximum" would cut upwards; there half the range is the room on either side.
    ceiling = np.where(high > 0, high * factor, high + 0.5 * (high - low))
    floor = np.maximum(panel.lower, low - (factor - 1) * (high - low))
    return floor, np.minimum(panel.upper, np.maximum(ceiling, floor))


def last_value(values: Floats) -> Floats:
    """(n,) the last observed value; 0 where nothing was observed."""
    observed = ~np.isnan(values)
    column = values.shape[1] - 1 - observed[:, ::-1].argmax(axis=1)
    return np.where(observed.any(axis=1), values[np.arange(len(values)), column], 0.0)


def _range(values: Floats) -> tuple[Floats, Floats]:
    missing = np.isnan(values)
    return np.where(missing, np.inf, values).min(axis=1), np.where(missing, -np.inf, values).max(axis=1)
