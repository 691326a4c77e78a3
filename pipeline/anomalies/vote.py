"""The anomalous hours of one series, by a vote of detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import ALERT, Detector, severity
from pipeline.anomalies.incidents import IMPACT_RATIO
from pipeline.interval import Interval

# Share of the highest value so far below which a deviation is never more than low.
MATERIAL_RATIO = 0.05


def vote(series: Any, interval: Interval, detectors: Mapping[str, Detector], wanted: int, min_history: int) -> Any:
    """The anomalous hours of one series, in the columns of `gold.anomaly`.

    Args:
        series: one row per observed hour, in order, with `ts`, `value` and `unit`.
        interval: hours outside it are seen, and not published.
        detectors: name → what votes.
        wanted: detectors that must agree; all of them where there are fewer.
        min_history: observed hours before the first one that is published.
    """
    ts, values = series["ts"].to_numpy(), series["value"].to_numpy()
    names = np.array(list(detectors))
    detections = [detect(ts, values) for detect in detectors.values()]
    scores = np.stack([detection.score for detection in detections])
    expected = np.stack([detection.expected for detection in detections])
    votes = scores >= ALERT
    strongest = scores.argmax(axis=0)
    everyone = np.arange(len(ts))
    score, usual = scores[strongest, everyone], expected[strongest, everyone]
    rows = series.assign(
        expected=usual,
        score=score,
        votes=votes.sum(axis=0).astype(np.int64),
        detectors=[",".join(names[votes[:, i]]) for i in everyone],
        severity=np.where(_matters(values, usual, series["unit"].eq("percent").to_numpy()), severity(score), "low"),
    )
    inside = (series["ts"] >= interval.start) & (series["ts"] < interval.end)
    known = everyone >= min_history
    return rows[(rows["votes"] >= min(wanted, len(names))) & inside & known]


def _matters(
    values: npt.NDArray[np.float64], expected: npt.NDArray[np.float64], is_percent: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Whether a deviation is at least 5 % of the highest value so far, and of the capacity; where nothing was expected, it is.

    A detector says how unusual an hour is, not whether anyone should get up for it: an idle machine's 2 % is not an incident.
    """
    highest = np.fmax.accumulate(np.abs(values))
    least = np.where(is_percent, np.fmax(MATERIAL_RATIO * highest, 100 * IMPACT_RATIO["medium"]), MATERIAL_RATIO * highest)
    return ~(np.abs(values - expected) < least)
