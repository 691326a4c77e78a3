"""What is unusual of the metrics of a resource together: each may be within what it often is, and their combination never was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.anomalies.detection import Detection, arrival_clock, finite, judge
from pipeline.anomalies.joint import judge_together
from pipeline.anomalies.learned import CataloguedOptions

#: Taken by name where there are any: name → the other metrics of the resource at the same moments.
INPUTS = ("others",)


class Options(CataloguedOptions):
    """What covariances are made of, and when a distance is an alert."""

    alert_deviations: float = Field(
        4.0, ge=0.1, le=100, description="Deviations of one metric that are an alert; of several the distance that is as rare."
    )


DEFAULTS = Options()


def detect(
    ts: npt.NDArray[np.datetime64],
    values: npt.NDArray[np.float64],
    options: Options = DEFAULTS,
    others: Mapping[str, npt.NDArray[np.float64]] | None = None,
) -> Detection:
    """Score each value by its part of the distance of all metrics of the resource from what is usual of them together.

    Args:
        ts: one timestamp per row, UTC; duplicates, gaps and steps backwards are allowed.
        values: the series in any unit; NaN is missing and scores 0.
        options: of training and threshold.
        others: other metrics of the resource, aligned with the rows; without any nothing is judged.

    Returns:
        An alert where the distance is as rare as four deviations of one metric, by default, and the metric has the largest part
        of it, or one that is an alert by itself. `contribution` says what share it has of the squared distance; `expected` is the
        usual value of the hour.

    Raises:
        ValueError: a missing timestamp.

    Source: as `judge_together` says.
    """
    clock, observed = arrival_clock(ts), finite(values)
    if not others:
        unknown = np.full(len(observed), np.nan)
        return judge(clock, observed, unknown, unknown)
    found = judge_together(ts, clock, observed, others, options, options.alert_deviations)
    return replace(judge(clock, observed, found.excess, found.usual), contribution=found.share)
