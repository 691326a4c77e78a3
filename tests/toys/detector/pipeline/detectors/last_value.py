"""Distance from the value before, in typical steps of the last day: finds jumps, and nothing that creeps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge, smallest_scale


class Options(BaseModel):
    """What is unusual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert_steps: float = Field(8.0, ge=1, le=100, description="Typical steps from the value before that are an alert.")


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from the one before it; `expected` is that one."""
    clock, observed = arrival_clock(ts), finite(values)
    before = pd.Series(observed, index=pd.DatetimeIndex(clock)).ffill().shift()
    step = (before - before.shift()).abs().rolling("1D", min_periods=4).mean().to_numpy(dtype=np.float64)
    expected = before.to_numpy(dtype=np.float64, copy=True)
    margin = options.alert_steps * np.maximum(step, smallest_scale(expected))
    return judge(clock, observed, np.abs(observed - expected) / margin, expected, (expected - margin, expected + margin))
