"""Models of the statsforecast package, one fit per series, behind Headroom's contract."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.forecasters._fallback import settle
from pipeline.forecasters._past import actuals, calibrate, cutoffs, segments
from pipeline.forecasters._season import fill
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tier import tier
from pipeline.tables.columns import Granularity

#: Periods of history: these models cost more than linear in it, and what is older hardly counts.
HISTORY: dict[Granularity, int] = {"hour": 28 * 24, "day": 1461}


def forecast_each(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    model: Callable[[int, int], Any],
    past_cutoffs: int,
) -> Floats:
    """(n, horizon, q) quantiles from the model's own prediction intervals, calibrated on past cutoffs.

    Args:
        panel: the shard of series; gaps are filled with the season before.
        horizon: periods ahead.
        quantiles: levels, ascending.
        model: season length, periods of history → a fresh statsforecast model.
        past_cutoffs: how many past forecasts calibrate the intervals; each costs another fit of every series.
    """
    raw = _raw(panel, horizon, quantiles, model)
    past, known = [], []
    for back in cutoffs(panel, horizon, past_cutoffs):
        past.append(_raw(panel.truncate(back), horizon, quantiles, model))
        known.append(actuals(panel, back, horizon))
    if past:
        raw = calibrate(raw, np.stack(past), np.stack(known), quantiles, segments(panel.metric))
    return settle(panel, raw, quantiles)


def _raw(panel: Panel, horizon: int, quantiles: tuple[float, ...], model: Callable[[int, int], Any]) -> Floats:
    raw = np.full((len(panel), horizon, len(quantiles)), np.nan)
    values = fill(panel.tail(HISTORY[panel.step]).values, panel.season)
    levels = sorted({_level(quantile) for quantile in quantiles if quantile != 0.5})
    for row in np.flatnonzero(tier(panel) == "full"):
        history = values[row][~np.isnan(values[row])]
        if len(history) < 2 * panel.season or np.ptp(history) == 0:
            continue
        with warnings.catch_warnings():
            # Non-convergence on one series is answered by its fallback, not by a warning.
            warnings.simplefilter("ignore")
            try:
                said = model(panel.season, len(history)).forecast(y=history, h=horizon, level=levels)
            except (ValueError, ArithmeticError, np.linalg.LinAlgError, RuntimeError):
                continue
        for column, quantile in enumerate(quantiles):
            side = "mean" if quantile == 0.5 else f"{'lo' if quantile < 0.5 else 'hi'}-{_level(quantile)}"
            raw[row, :, column] = said[side]
    raw.sort(axis=2)
    return raw


def _level(quantile: float) -> float:
    """The central interval, in percent, that the quantile bounds."""
    level = round(100 * abs(1 - 2 * quantile), 6)
    return int(level) if level == int(level) else level
