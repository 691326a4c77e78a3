"""Distance beyond the quartiles of the last seven days, in interquartile ranges: the box plot's rule."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, Silence, arrival_clock, finite, judge, smallest_scale


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        7, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    alert_ranges: float = Field(1.5, ge=0.1, le=100, description="Interquartile ranges beyond a quartile that are an alert.")


DEFAULTS = Options()
_SILENCE = Silence(hours=48, worse_ratio=1.0)


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how far it lies outside the quartiles of the preceding days, seven by default.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An alert at 1.5 interquartile ranges beyond a quartile by default; `expected` is the median.

    Raises:
        ValueError: a missing timestamp.

    Source: Tukey (1977), Exploratory Data Analysis, inner fences.
    """
    clock, observed = arrival_clock(ts), finite(values)
    past = pd.Series(observed, index=pd.DatetimeIndex(clock)).rolling(f"{options.history_days}D", closed="left", min_periods=4)
    lower, expected, upper = (past.quantile(q).to_numpy(dtype=np.float64, copy=True) for q in (0.25, 0.5, 0.75))
    beyond = np.maximum(np.maximum(lower - observed, observed - upper), 0.0)
    # Mostly flat series have an interquartile range of zero; the standard deviation then says what is usual.
    spread = np.fmax(np.where(upper > lower, upper - lower, past.std()), smallest_scale(expected))
    margin = options.alert_ranges * spread
    return judge(clock, observed, beyond / margin, expected, (lower - margin, upper + margin), _SILENCE)
