"""Seasonal naive: the same hour yesterday, the same weekday last week. The floor that every model must beat."""

from __future__ import annotations

import numpy as np

from pipeline.forecasters._fallback import last_value, settle
from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tier import REFERENCE


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> Floats:
    """Repeat the last season; quantiles are those of past seasonal differences, widening with √seasons ahead.

    Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.2 and 5.5.
    """
    season = panel.season
    if panel.periods <= season:
        return settle(panel, np.full((len(panel), horizon, len(quantiles)), np.nan), quantiles)
    change = panel.values[:, season:] - panel.values[:, :-season]
    levels = np.append(np.asarray(quantiles), 0.5)
    spread = row_quantiles(change, levels)
    spread = spread[:, :-1] - spread[:, -1:]
    widening = np.sqrt(np.arange(horizon) // season + 1.0)
    raw = last_season(panel.values, season, horizon)[:, :, None] + widening[None, :, None] * spread[:, None, :]
    return settle(panel, raw, quantiles, REFERENCE)


def last_season(values: Floats, season: int, horizon: int) -> Floats:
    """(n, horizon) the newest value at each phase of the season, repeated; the last value where a phase is new."""
    n, periods = values.shape
    seasons = min(periods // season, 8)
    latest = np.repeat(last_value(values)[:, None], season, axis=1)
    block = values[:, periods - seasons * season :].reshape(n, seasons, season)
    for number in range(seasons):
        latest = np.where(np.isnan(block[:, number]), latest, block[:, number])
    return latest[:, np.arange(horizon) % season]
