"""Distance from the recent level, an average in which older samples fade, in the deviations that are usual."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge_distance, usual_distance


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    half_life_samples: float = Field(24.0, ge=1, le=10_000, description="Samples after which one counts half in the level.")
    history_days: int = Field(
        28,
        ge=1,
        le=365,
        description="Days before a sample whose distances are the usual ones; never more than are read.",
    )
    alert_deviations: float = Field(7.0, ge=0.1, le=100, description="Usual deviations from the level that are an alert.")


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from the exponentially weighted mean of those before it.

    It knows no season: what comes each day at once is far each day, and then usual; what creeps is never far.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        A flag at seven deviations by default, made of the mean distance of the preceding days; `expected` is the level.

    Raises:
        ValueError: a missing timestamp.

    Source: Roberts (1959), control charts by geometric moving averages; the scale is the mean distance, which heavy tails raise.
    """
    clock, observed = arrival_clock(ts), finite(values)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock))
    level = past.ewm(halflife=options.half_life_samples, ignore_na=True).mean()
    expected = level.shift().to_numpy(dtype=np.float64, copy=True)
    spread = usual_distance(clock, np.abs(observed - expected), expected, f"{options.history_days}D")
    return judge_distance(clock, observed, expected, spread, options.alert_deviations)
