"""Conformal seasonal pool: what was seen at the same hour or weekday, recent seasons weighing more, as a distribution."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._fallback import settle
from pipeline.forecasters._quantile import row_quantiles, weighted_quantiles
from pipeline.forecasters._season import phases
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import Granularity

#: Seasons that a pool looks back: older ones weigh next to nothing.
LOOK_BACK: dict[Granularity, int] = {"hour": 28, "day": 104}
#: Points that stand for the distribution of past seasonal differences.
_DIFFERENCES = 40


class Options(BaseModel):
    """What the pools hold and how it weighs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    naive_share: float = Field(
        0.5,
        ge=0,
        le=0.99,
        description="Weight of the second pool, the seasonal naive with its own past errors; 0 leaves it out.",
    )
    decay: float = Field(0.003, ge=0, le=1, description="Rate per period at which a seen value loses weight with age.")
    neighbours: float = Field(0.3, ge=0, le=1, description="Weight of the phases before and after, relative to the phase itself.")
    same_weekday: float = Field(
        1.0, ge=0, le=100, description="For hours, factor on days that lie whole weeks before the first forecast day."
    )
    other_day_type: float = Field(
        1.0, ge=0, le=1, description="For hours, factor on weekend days where that day is a weekday, and the reverse."
    )
    level: float = Field(
        0.0, ge=0, le=1, description="0 takes values as they were, 1 moves each past season to the level of the last one."
    )


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> Floats:
    """Quantiles of a mixture of two pools: values seen at the same phase, and last season's value plus past differences.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: what the pools hold and how it weighs.

    Source: Conformal Seasonal Pools (arXiv 2605.03789), with exact weighted quantiles in place of random draws.
    """
    return settle(panel, raw_quantiles(panel, horizon, quantiles, options), quantiles)


def raw_quantiles(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options) -> Floats:
    """(n, horizon, q) before bounds and fallback; NaN where a series has no values. Arguments as in `forecast`."""
    season, n, q = panel.season, len(panel), len(quantiles)
    recent = panel.tail(LOOK_BACK[panel.step] * season)
    whole = phases(recent.values, season)
    seasons = whole.shape[1]
    if not seasons:
        return np.full((n, horizon, q), np.nan)
    age = np.arange(seasons)[::-1]
    weight = np.exp(-options.decay * season * age)[None, :]
    if panel.step == "hour":
        weight = weight * np.where((age + 1) % 7 == 0, options.same_weekday, 1.0)
        first = panel.end + np.timedelta64(1, "h")
        days = first[:, None] - (age + 1) * np.timedelta64(1, "D")
        alike = calendars.weekend(days) == calendars.weekend(first)[:, None]
        weight = weight * np.where(alike, 1.0, options.other_day_type)
    weight = np.broadcast_to(weight, (n, seasons))
    if options.level:
        observed = ~np.isnan(whole)
        count = observed.sum(axis=2, keepdims=True)
        mean = np.where(observed, whole, 0.0).sum(axis=2, keepdims=True) / np.maximum(count, 1)
        last = np.where(count[:, -1:] > 0, mean[:, -1:], mean.mean(axis=1, keepdims=True))
        pooled = whole + options.level * (last - mean)
    else:
        pooled = whole
    parts, weights = [pooled], [weight]
    if options.neighbours:
        flat = pooled.reshape(n, -1)
        for shifted in (np.roll(flat, 1, axis=1), np.roll(flat, -1, axis=1)):
            parts.append(shifted.reshape(whole.shape))
            weights.append(weight * options.neighbours)
    if options.naive_share and panel.periods > season:
        change = panel.values[:, season:] - panel.values[:, :-season]
        change = change[:, -max(season, panel.periods // 2) :]
        points = row_quantiles(change, (np.arange(_DIFFERENCES) + 0.5) / _DIFFERENCES)
        parts.append(whole[:, -1:, :] + points[:, :, None])
        seen = sum(part.sum(axis=1, keepdims=True) for part in weights)
        each = seen * options.naive_share / (1 - options.naive_share) / _DIFFERENCES
        weights.append(np.broadcast_to(each, (n, _DIFFERENCES)))
    rows = np.concatenate(parts, axis=1).transpose(0, 2, 1).reshape(n * season, -1)
    levels = weighted_quantiles(rows, np.repeat(np.concatenate(weights, axis=1), season, axis=0), np.asarray(quantiles))
    return levels.reshape(n, season, q)[:, np.arange(horizon) % season]
