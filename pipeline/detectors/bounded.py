"""The rule of `default` on a state of 4 KB, each sample once: for runs that read what is new and not the history."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies import bounded
from pipeline.anomalies.detection import Detection, Silence, arrival_clock, finite, judge


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alert_deviations: float = Field(7.0, ge=0.1, le=100, description="Robust deviations from the usual value that are an alert.")
    announced_hours: int = Field(
        6, ge=1, le=720, description="How long an incident stays announced: until then only a much worse sample alerts again."
    )
    worse_ratio: float = Field(3.0, ge=1, le=100, description="By how many times it must be worse.")


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its distance from the usual one of its hour, unless it has been seen before; in one pass.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and silence.

    Returns:
        As `default` does. What is usual comes from 26 days, what is known from 28.

    Raises:
        ValueError: a missing timestamp.

    Source: the rule and the constants of `default`; what stands for its windows was chosen on the same development halves.
    """
    clock, observed = arrival_clock(ts), finite(values)
    judged, _ = bounded.judge_next(bounded.begin(), clock, observed, options.alert_deviations)
    margin = options.alert_deviations * judged.scale
    band = (judged.expected - margin, judged.expected + margin)
    return judge(clock, observed, judged.excess, judged.expected, band, Silence(options.announced_hours, options.worse_ratio))
