"""Distance from the usual value of this hour of the day, working days apart from weekends, in robust deviations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, Silence, arrival_clock, finite, judge_distance, usual_of_hour


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    alert_deviations: float = Field(5.0, ge=0.1, le=100, description="Robust deviations from the usual value that are an alert.")


DEFAULTS = Options()
_SILENCE = Silence(hours=48, worse_ratio=1.0)


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value against the same hour of the day in the preceding days, 28 by default.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An alert at five robust standard deviations by default; `expected` is the seasonal median.

    Raises:
        ValueError: a missing timestamp.

    Source: Hampel (1974) identifier on a seasonal median, as Twitter's S-H-ESD does, made causal.
    """
    clock, observed = arrival_clock(ts), finite(values)
    expected, spread = usual_of_hour(ts, clock, observed, f"{options.history_days}D")
    return judge_distance(clock, observed, expected, spread, options.alert_deviations, _SILENCE)
