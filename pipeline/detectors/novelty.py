"""What has not been seen in four weeks: a value unlike any other, or one far from what this time of day ever does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from pipeline.anomalies.detection import Detection, Silence, arrival_clock, finite, judge
from pipeline.anomalies.novelty import novelty_excess


class Options(BaseModel):
    """What is unusual, and for how long what was seen is remembered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history_days: int = Field(
        28, ge=1, le=365, description="Days before a sample that it is compared with; `detect_history_hours` bounds what is read."
    )
    announced_hours: int = Field(
        12, ge=1, le=720, description="How long an incident stays announced: until then only a worse sample alerts again."
    )
    alert_range_ratio: float = Field(
        0.07, ge=0.001, le=10, description="Novelty that is an alert, as a share of the range that the series usually moves in."
    )
    alert_novelty_ratio: float = Field(
        2.0, ge=0.1, le=100, description="… and as a multiple of the 95th percentile of the novelties before it."
    )


DEFAULTS = Options()


def detect(ts: npt.NDArray[np.datetime64], values: npt.NDArray[np.float64], options: Options = DEFAULTS) -> Detection:
    """Score each value by how new it is, and by how new its distance from the usual value of the time of day is.

    Every level, peak and lull of the preceding days, 28 by default, is normal when it comes back. Novelty is the distance to the
    nearest earlier value, measured in the range that the series usually moves in. It is taken twice: of the value, and
    of the value less the median of the same two hours of the day; the larger one counts.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: thresholds and memory.

    Returns:
        An alert where a novelty exceeds, by default, 7 % of the range between the 0.5th and 99.5th percentile, and twice the 95th
        percentile of the novelties before it: where few values are known, every one is new. `expected` is the median of the
        time of day.

    Raises:
        ValueError: a missing timestamp.

    Source: nearest-neighbour novelty as in KNN-CAD. The thresholds and the 12 hours of silence were set once, on the development
    half of the Numenta Anomaly Benchmark and the synthetic fleet: best there, and weak on telemetry of other kinds.
    """
    clock, observed = arrival_clock(ts), finite(values)
    asked = options.history_days, options.alert_range_ratio, options.alert_novelty_ratio
    excess, expected = novelty_excess(ts, clock, observed, *asked)
    return judge(clock, observed, excess, expected, silence=Silence(options.announced_hours, worse_ratio=1.0))
