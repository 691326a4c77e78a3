"""AutoETS, from statsforecast: exponential smoothing with the form chosen by information criterion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._statsforecast import forecast_each
from pipeline.forecasting.panel import Panel


def forecast(
    panel: Panel, horizon: int, quantiles: tuple[float, ...], *, form: str = "ZZA", past_cutoffs: int = 0
) -> npt.NDArray[np.float64]:
    """Fit AutoETS to each series.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        form: error, trend and season: A additive, M multiplicative, N none, Z chosen; the season is additive by
            default, because utilisation touches zero.
        past_cutoffs: how many past forecasts calibrate the intervals; each costs another fit.

    Source: Hyndman et al. (2008), Forecasting with exponential smoothing.
    """

    def model(season: int, _: int) -> object:
        from statsforecast.models import AutoETS

        return AutoETS(season_length=season, model=form)

    return forecast_each(panel, horizon, quantiles, model, past_cutoffs)
