"""Volume under the surface: how well raw scores find labelled stretches when their edges are not known to the sample."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.datetime64]

#: The widest buffer around a labelled stretch, in samples, is those of a day, and so many at most.
WIDEST = 100


class Volume(NamedTuple):
    """Means over all buffers from none to the widest of the areas under precision over recall, and under ROC; NaN of nothing."""

    pr: float
    roc: float


NOTHING = Volume(float("nan"), float("nan"))


def widest_buffer(ts: Stamps) -> int:
    """The samples of a day by the median gap between moments, from 1 to `WIDEST`."""
    if len(ts) < 2:
        return 1
    gap = float(np.median(np.diff(ts)) / np.timedelta64(1, "D"))
    return int(np.clip(round(1 / gap) if gap > 0 else WIDEST, 1, WIDEST))


def volume(scores: Floats, labels: Bools, widest: int) -> Volume:
    """The volume under the surface that the curves of all buffers make; no point is adjusted.

    With a buffer of b samples a label is soft: b // 2 samples before and after a labelled stretch count √(1 − distance ÷ b).
    Recall is what the samples at and above a threshold hold of the mean of the hard and of the soft labels, times the share of
    stretches of which they have any; precision is what they hold of soft labels, by sample. Thresholds are the scores there are.

    Args:
        scores: (n,) higher where a sample is more unusual.
        labels: (n,) what people labelled.
        widest: the largest buffer, in samples.

    Returns:
        NaN where nothing or everything is labelled.

    Source: Paparrizos et al. (2022), Volume under the surface, PVLDB 15(11); areas of precision over recall as average precision,
    without interpolation.
    """
    if not labels.any() or labels.all():
        return NOTHING
    order = np.argsort(-scores, kind="stable")
    # Samples of one score are on the same side of any threshold.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    areas = [_areas(scores, _soften(labels, buffer), float(labels.sum()), order, last) for buffer in range(widest + 1)]
    return Volume(*(float(each) for each in np.mean(areas, axis=0)))


def _soften(labels: Bools, buffer: int) -> Floats:
    soft = labels.astype(np.float64)
    for start, end in _stretches(labels):
        for distance in range(1, buffer // 2 + 1):
            worth = np.sqrt(1 - distance / buffer)
            if start >= distance:
                soft[start - distance] += worth
            if end + distance < len(soft):
                soft[end + distance] += worth
    return np.fmin(soft, 1.0)


def _stretches(labels: Bools) -> list[tuple[int, int]]:
    """First and last row of each run of labelled samples."""
    edges = np.flatnonzero(np.diff(labels.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end) - 1) for start, end in edges.reshape(-1, 2)]


def _areas(
    scores: Floats, soft: Floats, hard: float, order: npt.NDArray[np.int64], last: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """Areas under precision over recall, and under ROC, with one buffer."""
    wanted = (hard + float(soft.sum())) / 2
    held, chosen = np.cumsum(soft[order])[last], last + 1.0
    peaks = np.sort([scores[start : end + 1].max() for start, end in _stretches(soft > 0)])
    seen = (len(peaks) - np.searchsorted(peaks, scores[order][last])) / len(peaks)
    recall, false_ratio = np.fmin(held / wanted, 1.0) * seen, (chosen - held) / (len(soft) - wanted)
    precision = float((np.diff(recall, prepend=0.0) * (held / chosen)).sum())
    roc = float(np.trapezoid(np.r_[0.0, recall, 1.0], np.r_[0.0, false_ratio, 1.0]))
    return precision, roc
