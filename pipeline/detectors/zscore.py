"""Distance from the mean of the last seven days, in standard deviations: the textbook detector, kept as a yardstick."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, Silence, arrival_clock, finite, judge_distance, smallest_scale


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        7, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    alert_deviations: float = Field(3.0, ge=0.1, le=100, description="Standard deviations from the mean that are an alert.")


DEFAULTS = Options()
_SILENCE = Silence(hours=48, worse_ratio=1.0)


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from the mean of the preceding days, seven by default.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An alert at three standard deviations by default; `expected` is the mean.

    Raises:
        ValueError: a missing timestamp.

    Source: the three-sigma rule.
    """
    clock, observed = arrival_clock(ts), finite(values)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock)).rolling(f"{options.history_days}D", closed="left", min_periods=2)
    expected = past.mean().to_numpy(dtype=np.float64, copy=True)
    spread = np.maximum(past.std().to_numpy(dtype=np.float64), smallest_scale(expected))
    return judge_distance(clock, observed, expected, spread, options.alert_deviations, _SILENCE)
