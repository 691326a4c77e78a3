"""Dynamic optimised theta, from statsforecast: strong where the level wanders and the season is plain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._statsforecast import forecast_each
from pipeline.forecasting.panel import Panel


class Options(BaseModel):
    """Whether the past calibrates the intervals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    past_cutoffs: int = Field(
        0, ge=0, le=20, description="Past forecasts that calibrate the intervals; each costs another fit of every series."
    )


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> npt.NDArray[np.float64]:
    """Fit DynamicOptimizedTheta to each series, with an additive season so that zeros do no harm.

    Source: Fiorucci et al. (2016), Models for optimising the theta method and their relationship to state space models.
    """

    def model(season: int, _: int) -> object:
        from statsforecast.models import DynamicOptimizedTheta

        return DynamicOptimizedTheta(season_length=season, decomposition_type="additive")

    return forecast_each(panel, horizon, quantiles, model, options.past_cutoffs)
