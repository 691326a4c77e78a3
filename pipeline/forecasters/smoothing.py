"""Exponential smoothing of the deseasonalised level, its memory chosen by the errors at the leads that are asked for."""

from __future__ import annotations

import numpy as np

from pipeline.forecasters._fallback import settle
from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasters._season import exponential_means, fill, seasonal_index
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import Granularity

#: Periods of history: six weeks of hours, two years of days.
HISTORY: dict[Granularity, int] = {"hour": 6 * 7 * 24, "day": 730}
#: Smoothing constants that are tried: from a memory of fifty periods to the last value alone.
ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
#: Leads at which errors are looked at; between them quantiles are interpolated in log lead.
_LEADS = 6


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> Floats:
    """Level plus seasonal index; quantiles are those of the errors the same smoothing made at each lead.

    Source: Gardner (2006), Exponential smoothing: the state of the art, part II, with the constant chosen for the
    direct multi-step error instead of the one-step error, which suits horizons of many periods.
    """
    return settle(panel, raw_quantiles(panel, horizon, quantiles), quantiles)


def raw_quantiles(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> Floats:
    """(n, horizon, q) before bounds and fallback; NaN for a series without values or of less than two seasons."""
    season, n = panel.season, len(panel)
    recent = panel.tail(HISTORY[panel.step])
    periods = recent.periods
    if periods < 2 * season:
        return np.full((n, horizon, len(quantiles)), np.nan)
    filled = fill(recent.values, season)
    index = seasonal_index(filled, season)
    level = filled - index[:, (np.arange(periods) - periods) % season]
    begun = ~np.isnan(level)
    first = level[np.arange(n), begun.argmax(axis=1)]
    # Before a series begins the mean is fed its first value, so that it starts there.
    paths = exponential_means(np.where(begun, level, first[:, None]), ALPHAS, first)

    back = min(max(10 * season, 3 * horizon), periods // 2)
    leads = np.unique(np.geomspace(1, horizon, _LEADS).astype(np.int64))
    leads = leads[leads < back]
    errors = [level[:, periods - back + lead :] - paths[:, :, periods - back : -lead] for lead in leads]
    seen = np.maximum((~np.isnan(level[:, periods - back :])).sum(axis=1), 1)
    losses = sum(np.where(np.isnan(error), 0.0, np.abs(error)).sum(axis=2) / seen for error in errors)
    rows = np.arange(n)
    best = np.argmin(losses, axis=0)
    point = paths[best, rows, -1]
    spread = np.stack([row_quantiles(error[best, rows], np.asarray(quantiles)) for error in errors], axis=1)
    place = np.interp(np.log(np.arange(1, horizon + 1)), np.log(leads), np.arange(len(leads)))
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, len(leads) - 1)
    share = (place - below)[None, :, None]
    around = spread[:, below] * (1 - share) + spread[:, above] * share
    raw: Floats = (point[:, None] + index[:, np.arange(horizon) % season])[:, :, None] + around
    return raw
