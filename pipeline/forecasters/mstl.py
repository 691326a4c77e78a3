"""MSTL, from statsforecast: daily and weekly seasons taken off by LOESS, what is left forecast by ETS."""

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
    """Fit MSTL to each series: seasons of a day and a week for hours with three weeks of history, else the first season.

    Source: Bandara, Hyndman & Bergmeir (2021), MSTL: a seasonal-trend decomposition with multiple seasonal patterns.
    """

    def model(season: int, periods: int) -> object:
        from statsforecast.models import MSTL, AutoETS

        weekly = panel.step == "hour" and periods >= 3 * 7 * season
        return MSTL(season_length=[season, 7 * season] if weekly else season, trend_forecaster=AutoETS(model="ZZN"))

    return forecast_each(panel, horizon, quantiles, model, options.past_cutoffs)
