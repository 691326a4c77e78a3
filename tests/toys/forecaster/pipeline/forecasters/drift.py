"""Drift: the last value, and on along the line from the first value to it. What a ruler would say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._fallback import last_value, settle
from pipeline.forecasters._quantile import row_quantiles
from pipeline.forecasting.panel import Panel


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """(n, horizon, quantiles) the mean step of the past, taken once a period; quantiles widen with √periods ahead.

    Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice (3rd ed.), 5.2.
    """
    if panel.periods < 2:
        return settle(panel, np.full((len(panel), horizon, len(quantiles)), np.nan), quantiles)
    steps = np.diff(panel.values, axis=1)
    known = np.maximum((~np.isnan(steps)).sum(axis=1), 1)
    slope = np.nansum(steps, axis=1) / known
    levels = row_quantiles(steps, np.append(np.asarray(quantiles), 0.5))
    spread = levels[:, :-1] - levels[:, -1:]
    ahead = np.arange(1, horizon + 1)
    middle = last_value(panel.values)[:, None] + slope[:, None] * ahead
    return settle(panel, middle[:, :, None] + np.sqrt(ahead)[None, :, None] * spread[:, None, :], quantiles)
