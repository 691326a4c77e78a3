"""Distance from what the pipeline had forecast of the hour before it came, in deviations of the forecast and of its errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, Forecast, arrival_clock, finite, judge_distance, usual_distance

#: Taken by name where there is one: `gold.forecast` as it was published before each hour.
INPUTS = ("forecast",)
# Of a normal distribution the 95th percentile lies so many deviations above the median.
_DEVIATIONS_TO_P95 = 1.645


class Options(BaseModel):
    """What is unusual, and for how long errors are remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert_deviations: float = Field(6.0, ge=0.1, le=100, description="Deviations from the forecast that are an alert.")
    history_days: int = Field(
        28, ge=1, le=365, description="Days of earlier errors that say how far forecasts of the series usually are off."
    )


DEFAULTS = Options()


def detect(
    ts: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    options: Options = DEFAULTS,
    forecast: Forecast | None = None,
) -> Detection:
    """Score each value by its distance from the newest forecast that was made before it.

    A deviation is that of the forecast's own 90 % band, or the mean error of earlier forecasts of the series where it is larger:
    a forecaster that is too sure of itself finds nothing by that.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: threshold and memory.
        forecast: of each row; without it nothing is judged.

    Returns:
        An alert at six deviations by default; `expected` is the forecast. What had no forecast is not judged.

    Raises:
        ValueError: a missing timestamp.

    Source: residual of a one-step forecast, as Hundman et al. (2018) and Prophet-based detectors do; by the champion, as of.
    """
    clock, observed = arrival_clock(ts), finite(values)
    if forecast is None:
        unknown = np.full(len(observed), np.nan)
        return judge_distance(clock, observed, unknown, unknown, options.alert_deviations)
    expected = finite(forecast.expected)
    band = (finite(forecast.upper) - finite(forecast.lower)) / (2 * _DEVIATIONS_TO_P95)
    usual = usual_distance(clock, np.abs(observed - expected), expected, f"{options.history_days}D")
    spread = np.where(np.isnan(expected), np.nan, np.fmax(band, usual))
    return judge_distance(clock, observed, expected, spread, options.alert_deviations)
