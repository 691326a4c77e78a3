"""Prophet with its own defaults, one fit per series: the reference to beat at a fraction of its cost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.forecasters._fallback import settle
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.tier import REFERENCE, tier

Floats = npt.NDArray[np.float64]
Seasonality = bool | int | Literal["auto"]


def forecast(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    *,
    daily_seasonality: Seasonality = "auto",
    weekly_seasonality: Seasonality = "auto",
    yearly_seasonality: Seasonality = "auto",
    changepoint_prior_scale: float = 0.05,
    seasonality_prior_scale: float = 10.0,
    holidays_prior_scale: float = 10.0,
    uncertainty_samples: int = 1000,
    holidays: bool = False,
    quarter_end: bool = False,
    maintenance: npt.NDArray[np.datetime64] | None = None,
) -> Floats:
    """Fit Prophet to each series and take quantiles of its posterior predictive samples.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        daily_seasonality, weekly_seasonality, yearly_seasonality: Prophet's switches.
        changepoint_prior_scale, seasonality_prior_scale, holidays_prior_scale: Prophet's priors.
        uncertainty_samples: simulated futures behind the quantiles; > 0.
        holidays: add US federal holidays (doubles the cost).
        quarter_end: add the five-day quarter-end ramp as a regressor known in advance.
        maintenance: periods (naive UTC) of planned maintenance, past and future, as a regressor known in advance.

    Source: Taylor & Letham (2018), Forecasting at scale; facebook/prophet.
    """
    raw = np.full((len(panel), horizon, len(quantiles)), np.nan)
    past, future = panel.timestamps(), panel.future(horizon)
    for row in np.flatnonzero(np.isin(tier(panel), REFERENCE)):
        history = pd.DataFrame({"ds": past[row], "y": panel.values[row]})
        history = history.iloc[int((~np.isnan(panel.values[row])).argmax()) :]
        model = _quiet_prophet(
            daily_seasonality=daily_seasonality,
            weekly_seasonality=weekly_seasonality,
            yearly_seasonality=yearly_seasonality,
            changepoint_prior_scale=changepoint_prior_scale,
            seasonality_prior_scale=seasonality_prior_scale,
            holidays_prior_scale=holidays_prior_scale,
            uncertainty_samples=uncertainty_samples,
        )
        ahead = pd.DataFrame({"ds": future[row]})
        if holidays:
            model.add_country_holidays(country_name="US")
        regressors: dict[str, Callable[[npt.NDArray[np.datetime64]], Floats]] = {}
        if quarter_end:
            regressors["quarter_end"] = calendars.quarter_end_ramp
        if maintenance is not None:
            regressors["maintenance"] = partial(_planned, maintenance.astype("datetime64[us]"))
        for name, feature in regressors.items():
            model.add_regressor(name)
            history[name] = feature(history["ds"].to_numpy(dtype="datetime64[us]"))
            ahead[name] = feature(ahead["ds"].to_numpy(dtype="datetime64[us]"))
        # Prophet draws from numpy's global generator; a seed by name makes a series' answer its own.
        state = np.random.get_state()
        np.random.seed(crc32(f"{panel.series_id[row]}|{panel.metric[row]}".encode()))
        try:
            model.fit(history, seed=1)
            samples = model.predictive_samples(ahead)["yhat"]
        finally:
            np.random.set_state(state)
        raw[row] = np.quantile(samples, quantiles, axis=1).T
    return settle(panel, raw, quantiles, REFERENCE)


def _planned(maintenance: npt.NDArray[np.datetime64], when: npt.NDArray[np.datetime64]) -> Floats:
    return np.isin(when, maintenance).astype(np.float64)


def _quiet_prophet(**parameters: Any) -> Any:
    # Prophet reports at import that plotly is absent, and its optimiser every fit; neither is news.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("prophet").setLevel(logging.ERROR)
    logging.getLogger("cmdstanpy").disabled = True
    return Prophet(**parameters)
