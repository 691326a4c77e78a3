"""Prophet with its own defaults, one fit per series: the reference to beat at a fraction of its cost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.forecasters._fallback import settle
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import Floats, Panel
from pipeline.forecasting.tier import REFERENCE, tier

Seasonality = Literal["auto"] | bool | Annotated[int, Field(ge=1, le=100)]
Mode = Literal["additive", "multiplicative"]
_SWITCH = "season: auto, on, off, or its number of Fourier terms."


class Options(BaseModel):
    """Prophet's own parameters under their own names, then what it is told beside the history."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    growth: Literal["linear", "flat", "logistic"] = Field(
        "linear", description="Shape of the trend; logistic saturates at the capacity, and is linear where there is none."
    )
    n_changepoints: int = Field(25, ge=0, le=500, description="Places where the trend may bend.")
    changepoint_range: float = Field(0.8, ge=0, le=1, description="Share of the history, from its beginning, that has them.")
    changepoint_prior_scale: float = Field(0.05, ge=1e-4, le=100, description="How readily the trend bends.")
    yearly_seasonality: Seasonality = Field("auto", description=f"Yearly {_SWITCH}")
    weekly_seasonality: Seasonality = Field("auto", description=f"Weekly {_SWITCH}")
    daily_seasonality: Seasonality = Field("auto", description=f"Daily {_SWITCH}")
    seasonality_mode: Mode = Field("additive", description="Whether seasons add to the trend or multiply it.")
    seasonality_prior_scale: float = Field(10.0, ge=1e-4, le=1000, description="How strong seasons may be.")
    holidays_prior_scale: float = Field(10.0, ge=1e-4, le=1000, description="How strong holidays and other known days may be.")
    holidays_mode: Mode | None = Field(None, description="Whether holidays add or multiply; unset: as seasons do.")
    scaling: Literal["absmax", "minmax"] = Field(
        "absmax", description="What values are divided by: the largest, or the range above the smallest."
    )
    uncertainty_samples: int = Field(1000, ge=10, le=100_000, description="Simulated futures behind the quantiles.")
    holidays: bool = Field(False, description="Add US federal holidays; doubles the cost.")
    quarter_end: bool = Field(False, description="Add the five-day ramp before the end of a quarter, known in advance.")


DEFAULTS = Options()


def forecast(
    panel: Panel,
    horizon: int,
    quantiles: tuple[float, ...],
    options: Options = DEFAULTS,
    *,
    maintenance: npt.NDArray[np.datetime64] | None = None,
) -> Floats:
    """Fit Prophet to each series and take quantiles of its posterior predictive samples.

    Args:
        panel: the shard of series.
        horizon: periods ahead.
        quantiles: levels, ascending.
        options: Prophet's parameters, and what is known in advance.
        maintenance: periods (naive UTC) of planned maintenance, past and future, as a regressor known in advance.

    Source: Taylor & Letham (2018), Forecasting at scale; facebook/prophet.
    """
    raw = np.full((len(panel), horizon, len(quantiles)), np.nan)
    past, future = panel.timestamps(), panel.future(horizon)
    for row in np.flatnonzero(np.isin(tier(panel), REFERENCE)):
        history = pd.DataFrame({"ds": past[row], "y": panel.values[row]})
        history = history.iloc[int((~np.isnan(panel.values[row])).argmax()) :]
        parameters = options.model_dump(exclude={"holidays", "quarter_end"})
        ahead = pd.DataFrame({"ds": future[row]})
        if options.growth == "logistic" and np.isfinite(panel.upper[row]):
            history["cap"] = ahead["cap"] = panel.upper[row]
        elif options.growth == "logistic":
            parameters["growth"] = "linear"
        model = _quiet_prophet(**parameters)
        if options.holidays:
            model.add_country_holidays(country_name="US")
        regressors: dict[str, Callable[[npt.NDArray[np.datetime64]], Floats]] = {}
        if options.quarter_end:
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
