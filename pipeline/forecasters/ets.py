"""AutoETS, from statsforecast: exponential smoothing with the form chosen by information criterion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._statsforecast import forecast_each
from pipeline.forecasting.panel import Panel


class Options(BaseModel):
    """Which forms of exponential smoothing are tried, and whether the past calibrates the intervals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    form: str = Field(
        "ZZA",
        pattern="^[AMZ][ANMZ][ANMZ]$",
        description="Error, trend and season: A additive, M multiplicative, N none, Z chosen. The season is additive by default, "
        "because utilisation touches zero.",
    )
    past_cutoffs: int = Field(
        0, ge=0, le=20, description="Past forecasts that calibrate the intervals; each costs another fit of every series."
    )


DEFAULTS = Options()


def forecast(panel: Panel, horizon: int, quantiles: tuple[float, ...], options: Options = DEFAULTS) -> npt.NDArray[np.float64]:
    """Fit AutoETS to each series.

    Source: Hyndman et al. (2008), Forecasting with exponential smoothing.
    """

    def model(season: int, _: int) -> object:
        from statsforecast.models import AutoETS

        return AutoETS(season_length=season, model=options.form)

    return forecast_each(panel, horizon, quantiles, model, options.past_cutoffs)
