"""The default: what the pipeline forecasts with when nobody chose otherwise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters import ridge, seasonal_naive
from pipeline.forecasters._fallback import settle
from pipeline.panel import Panel


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """The mean, quantile by quantile, of ridge and seasonal naive."""
    members = [module.forecast(panel, horizon, quantiles) for module in (ridge, seasonal_naive)]
    return settle(panel, np.median(members, axis=0), quantiles)
