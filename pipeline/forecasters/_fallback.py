"""What every forecaster owes every series: an answer with a reason, within bounds, never NaN."""

from __future__ import annotations

import numpy as np

from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasters._saturated import saturate
from pipeline.forecasting.panel import SEASON, Floats, Panel
from pipeline.forecasting.tier import observed_range, tier, trending
from pipeline.tables.columns import Granularity

#: Seasons of recent values that the fallback's quantiles look at.
_RECENT_SEASONS = 8
#: No forecast exceeds the historical maximum by more than half, or trebles it where the series has kept growing.
_CEILING, _CEILING_TREND = 1.5, 3.0
#: Periods of a week.
_WEEK: dict[Granularity, int] = {"hour": 7 * SEASON["hour"], "day": SEASON["day"]}


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
    emit 1e7), and sorted so that quantiles never cross. What stands at its limit stays there (`_saturated`), and no interval is
    narrower than that of the same hour or weekday a week earlier.

    Args:
        panel: what the forecast was made from.
        raw: (n, horizon, q) quantiles, NaN where the model has no answer.
        quantiles: their levels, ascending.
        modelled: tiers that the model answers itself.
    """
    spare = fallback(panel, raw.shape[1], quantiles)
    usable = np.isfinite(raw).all(axis=(1, 2)) & np.isin(tier(panel), modelled)
    answer = np.where(usable[:, None, None], raw, spare)
    answer.sort(axis=2)
    answer = saturate(panel, never_narrower(answer, quantiles, _WEEK[panel.step]), quantiles)
    low, high = limits(panel)
    answer = np.clip(answer, low[:, None, None], high[:, None, None])
    answer.sort(axis=2)
    return answer


def never_narrower(values: Floats, quantiles: tuple[float, ...], week: int) -> Floats:
    """(n, horizon, q) with no quantile nearer to the median than a week earlier: less is known of what lies further ahead.

    Distances of the same hour or weekday become the mean of the largest so far and of the smallest from then on, neither of
    which ever falls: on average over the weeks an interval is as wide as before.

    Args:
        values: (n, horizon, q) quantiles, sorted.
        quantiles: levels, ascending; without .5 among them nothing is changed.
        week: its periods.
    """
    n, horizon, levels = values.shape
    if 0.5 not in quantiles or horizon <= week:
        return values
    middle, weeks = quantiles.index(0.5), -(-horizon // week)
    sign = np.where(np.arange(levels) < middle, -1.0, 1.0)
    apart = sign * (values - values[..., middle, None])
    whole = ((0, 0), (0, weeks * week - horizon), (0, 0))
    ahead = np.pad(apart, whole, constant_values=np.inf).reshape(n, weeks, week, levels)
    ahead = np.minimum.accumulate(ahead[:, ::-1], axis=1)[:, ::-1].reshape(n, -1, levels)[:, :horizon]
    so_far = np.maximum.accumulate(np.pad(apart, whole).reshape(n, weeks, week, levels), axis=1)
    so_far = so_far.reshape(n, -1, levels)[:, :horizon]
    widening: Floats = values[..., middle, None] + sign * (ahead + so_far) / 2
    return widening


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
