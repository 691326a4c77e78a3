"""What every forecaster owes every series: an answer with a reason, within bounds, never NaN."""

from __future__ import annotations

import numpy as np

from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tier import observed_range, tier, trending

#: Seasons of recent values that the fallback's quantiles look at.
_RECENT_SEASONS = 8
#: No forecast exceeds the historical maximum by more than half, or trebles it where the series has kept growing.
_CEILING, _CEILING_TREND = 1.5, 3.0


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
    low, high = observed_range(panel.values)
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
