"""What lies outside the interval that Prophet forecast from the past: one fit a week and series, the dearest of the detectors."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge, smallest_scale
from pipeline.anomalies.learned import trainings

Seasonality = Literal["auto"] | bool | Annotated[int, Field(ge=1, le=100)]
Mode = Literal["additive", "multiplicative"]
_SWITCH = "season: auto, on, off, or its number of Fourier terms."


class Options(BaseModel):
    """The interval and how far outside it is an alert, when Prophet is fitted, and its own parameters under their own names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_multiplier: float = Field(
        2.0,
        ge=0.1,
        le=100,
        description="Half widths of the interval from the forecast that are an alert: 1.5 tells more, 3 less.",
    )
    interval_width: float = Field(0.95, ge=0.01, le=0.999, description="Share of values that the interval should hold.")
    history_days: int = Field(
        28, ge=7, le=365, description="Days before a fit that it is made of; `detect_history_hours` bounds what is read."
    )
    retrain_hours: int = Field(168, ge=1, le=8760, description="Hours from one fit to the next, counted from 1970 on.")
    growth: Literal["linear", "flat"] = Field("linear", description="Shape of the trend.")
    n_changepoints: int = Field(25, ge=0, le=500, description="Places where the trend may bend.")
    changepoint_range: float = Field(0.8, ge=0, le=1, description="Share of the history, from its beginning, that has them.")
    changepoint_prior_scale: float = Field(0.05, ge=1e-4, le=100, description="How readily the trend bends.")
    yearly_seasonality: Seasonality = Field(False, description=f"Yearly {_SWITCH}")
    weekly_seasonality: Seasonality = Field(True, description=f"Weekly {_SWITCH}")
    daily_seasonality: Seasonality = Field(True, description=f"Daily {_SWITCH}")
    seasonality_mode: Mode = Field("additive", description="Whether seasons add to the trend or multiply it.")
    seasonality_prior_scale: float = Field(10.0, ge=1e-4, le=1000, description="How strong seasons may be.")
    holidays: bool = Field(False, description="Add US federal holidays.")
    holidays_prior_scale: float = Field(10.0, ge=1e-4, le=1000, description="How strong holidays may be.")
    holidays_mode: Mode | None = Field(None, description="Whether holidays add or multiply; unset: as seasons do.")
    scaling: Literal["absmax", "minmax"] = Field(
        "absmax", description="What values are divided by: the largest, or the range above the smallest."
    )
    uncertainty_samples: int = Field(1000, ge=10, le=100_000, description="Simulated futures behind the interval.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the simulated futures.")


_HOUR = np.timedelta64(1, "h")
_OURS = {"threshold_multiplier", "history_days", "retrain_hours", "holidays", "seed"}
DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from what Prophet forecast for it, in half widths of the forecast's interval.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: the interval, the threshold, and Prophet's parameters.

    Returns:
        An alert at two half widths of the 95 % interval by default, on the side where the value lies; `expected` is the forecast.
        Nothing is judged before six days were seen.

    Raises:
        ValueError: a missing timestamp.

    Source: Taylor & Letham (2018), Forecasting at scale; facebook/prophet. Fits are made at fixed moments of the calendar, each
    on the samples before it.
    """
    clock, observed = arrival_clock(ts), finite(values)
    known = ~np.isnan(observed)
    expected, lower, upper = (np.full(len(observed), np.nan) for _ in range(3))
    for past, block in trainings(clock, known, options.history_days, options.retrain_hours):
        grid, forecast = _forecast(clock[past], observed[past], clock[block[0]], options)
        at = (clock[block] - grid[0]) / _HOUR
        for target, each in zip((expected, lower, upper), forecast, strict=True):
            target[block] = np.interp(at, np.arange(len(grid)), each)
    floor = smallest_scale(expected)
    below, above = (options.threshold_multiplier * np.fmax(each, floor) for each in (expected - lower, upper - expected))
    excess = np.where(observed < expected, (expected - observed) / below, (observed - expected) / above)
    return judge(clock, observed, excess, expected, (expected - below, expected + above))


def _forecast(
    ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], first: np.datetime64, options: Options
) -> tuple[npt.NDArray[np.datetime64], tuple[npt.NDArray[np.float64], ...]]:
    """Hours from the moment of a fit to the next, and of each the forecast with the lower and upper end of its interval.

    It is made for all of these hours, whatever samples there are: simulated futures depend on what they are asked for.
    """
    begun = int(first.astype("datetime64[h]").astype(np.int64)) // options.retrain_hours * options.retrain_hours
    grid = np.datetime64(begun, "h").astype("datetime64[us]") + np.arange(options.retrain_hours + 1) * _HOUR
    model = _quiet_prophet(**options.model_dump(exclude=_OURS))
    if options.holidays:
        model.add_country_holidays(country_name="US")
    # Prophet draws from numpy's global generator.
    state = np.random.get_state()
    np.random.seed(options.seed)
    try:
        model.fit(pd.DataFrame({"ds": ts, "y": values}), seed=1)
        ahead = model.predict(pd.DataFrame({"ds": grid}))
    finally:
        np.random.set_state(state)
    named = ("yhat", "yhat_lower", "yhat_upper")
    forecast, low, high = (ahead[name].to_numpy(dtype=np.float64) for name in named)
    return grid, (forecast, np.fmin(low, forecast), np.fmax(high, forecast))


def _quiet_prophet(**parameters: Any) -> Any:
    # Prophet reports at import that plotly is absent, and its optimiser every fit; neither is news.
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("prophet").setLevel(logging.ERROR)
    logging.getLogger("cmdstanpy").disabled = True
    return Prophet(**parameters)
