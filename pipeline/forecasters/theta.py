"""Dynamic optimised theta, from statsforecast: strong where the level wanders and the season is plain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._statsforecast import forecast_each
from pipeline.forecasting.panel import Panel


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], *, past_cutoffs: int = 0) -> npt.NDArray[np.float64]:
    """Fit DynamicOptimizedTheta to each series, with an additive season so that zeros do no harm.

    Source: Fiorucci et al. (2016), Models for optimising the theta method and their relationship to state space models.
    """

    def model(season: int, _: int) -> object:
        from statsforecast.models import DynamicOptimizedTheta

        return DynamicOptimizedTheta(season_length=season, decomposition_type="additive")

    return forecast_each(panel, horizon, quantiles, model, past_cutoffs)
