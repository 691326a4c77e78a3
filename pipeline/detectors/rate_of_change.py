"""How fast a value changes, in the changes that are usual: what jumps, whatever the level it jumps from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge_distance, usual_distance


class Options(BaseModel):
    """Over what a change is taken, and which is unusual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    span_samples: int = Field(1, ge=1, le=1000, description="Observed samples back that a value is compared with.")
    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample whose changes are the usual ones; never more than are read."
    )
    alert_deviations: float = Field(7.0, ge=0.1, le=100, description="Usual changes that are an alert.")


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by its change since the sample before, up or down.

    It sees where something begins and where it ends, and nothing between; a level that was reached slowly it never sees.

    Args:
        ts: one timestamp per row; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0, and the next value is compared with the last known.
        options: span, memory and threshold.

    Returns:
        A flag at seven deviations by default, made of the mean change of the preceding days; `expected` is the earlier value.

    Raises:
        ValueError: a missing timestamp.

    Source: a control chart of successive differences (von Neumann, 1941); the scale is their mean, which heavy tails raise.
    """
    clock, observed = arrival_clock(ts), finite(values)
    expected = np.full(len(observed), np.nan)
    known = np.flatnonzero(~np.isnan(observed))
    expected[known[options.span_samples :]] = observed[known[: -options.span_samples]]
    spread = usual_distance(clock, np.abs(observed - expected), expected, f"{options.history_days}D")
    return judge_distance(clock, observed, expected, spread, options.alert_deviations)
