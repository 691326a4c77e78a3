"""How well alerts and raw scores find what people labelled: events, ranks and samples; no point is adjusted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.datetime64]

#: The part of a series that is not scored: it is there to learn from.
PROBATION = 0.15
#: Labelled rows that are at most so many rows apart are one event.
ONE_EVENT = 4
#: An alert so many rows before an event's first, or after its last, finds it.
BEFORE, AFTER = 2, 3
#: A false alert speaks for as many rows after it, and no more: an alarm that never stops is counted again and again.
ONE_ALARM = 6


class Events(NamedTuple):
    """What became of the labelled events of one series, or of several: add them up column by column.

    Attributes:
        found, missed: events.
        false: alerts outside them.
        days: that were scored.
    """

    found: int
    missed: int
    false: int
    days: float

    @property
    def precision(self) -> float:
        return _share(self.found, self.found + self.false)

    @property
    def recall(self) -> float:
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        return _share(2 * self.found, 2 * self.found + self.missed + self.false)


def _share(part: int, whole: int) -> float:
    """NaN of nothing: who told nobody anything was neither right nor wrong."""
    return part / whole if whole else float("nan")


def total(parts: list[Events]) -> Events:
    return Events(*(sum(column) for column in zip(*parts, strict=True)))


def find_events(labels: Bools) -> list[tuple[int, int]]:
    """First and last row of each event that begins after the probation."""
    return [(start, end) for start, end in _every_event(labels) if start >= int(len(labels) * PROBATION)]


def _every_event(labels: Bools) -> list[tuple[int, int]]:
    labelled = np.flatnonzero(labels)
    groups = np.split(labelled, np.flatnonzero(np.diff(labelled) > ONE_EVENT) + 1) if len(labelled) else []
    return [(int(group[0]), int(group[-1])) for group in groups]


def near_events(labels: Bools) -> Bools:
    """Rows at which an alert finds an event of those labelled, the probation's among them."""
    near = np.zeros(len(labels), dtype=np.bool_)
    for start, end in _every_event(labels):
        near[max(start - BEFORE, 0) : end + AFTER + 1] = True
    return near


def score_events(ts: Stamps, alerts: Bools, labels: Bools) -> Events:
    """Events found, missed and invented in one series whose rows are in order of time.

    Source: event scores without point adjustment, which would let a random detector win; the false alerts do not chain.
    """
    first, events = int(len(labels) * PROBATION), find_events(labels)
    found = sum(bool(alerts[max(start - BEFORE, 0) : end + AFTER + 1].any()) for start, end in events)
    explained = np.zeros(len(labels), dtype=np.bool_)
    # An event that began in the probation is not scored, and what is told of it is not false.
    for start, end in _every_event(labels):
        explained[max(start - BEFORE, 0) : end + AFTER + 2] = True
    false, last = 0, -ONE_ALARM - 1
    for row in np.flatnonzero(alerts & ~explained):
        if row >= first and row - last > ONE_ALARM:
            false, last = false + 1, int(row)
    days = float((ts[-1] - ts[0]) / np.timedelta64(1, "D")) * (1 - PROBATION)
    return Events(found, len(events) - found, false, days)


def delays(ts: Stamps, alerts: Bools, labels: Bools) -> list[float]:
    """Hours from the beginning of each event that was found to its first alert; one that came before it counts 0."""
    waited = []
    for start, end in find_events(labels):
        told = np.flatnonzero(alerts[max(start - BEFORE, 0) : end + AFTER + 1])
        if len(told):
            row = max(max(start - BEFORE, 0) + int(told[0]), start)
            waited.append(float((ts[row] - ts[start]) / np.timedelta64(1, "h")))
    return waited


class Ranks(NamedTuple):
    """What raw scores are worth at every threshold, from the highest down.

    Attributes:
        precision, recall, false_ratio: of the samples at and above each score that occurs; recall and false_ratio begin at 0.
        roc_auc: chance that a labelled sample has a higher score than another; ties count half. NaN without either kind.
        pr_auc: mean of the precision over the labelled samples; NaN where there are none.
    """

    precision: Floats
    recall: Floats
    false_ratio: Floats
    roc_auc: float
    pr_auc: float


def rank(scores: Floats, labels: Bools) -> Ranks:
    """How labelled samples rank among all, by score.

    Args:
        scores: (n,) higher where a sample is more unusual.
        labels: (n,) what people labelled.

    Source: Fawcett (2006), An introduction to ROC analysis; PR-AUC is the average precision, without interpolation.
    """
    order = np.argsort(-scores, kind="stable")
    # Samples of one score are on the same side of any threshold.
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1) if len(scores) else np.empty(0, dtype=np.int64)
    hits, wanted = np.cumsum(labels[order])[last], int(labels.sum())
    others = last + 1 - hits
    nan = float("nan")
    recall = np.append(0.0, hits / wanted) if wanted else np.full(len(hits) + 1, nan)
    false_ratio = np.append(0.0, others / (len(labels) - wanted)) if wanted < len(labels) else np.full(len(hits) + 1, nan)
    precision = hits / (last + 1)
    roc = float(np.trapezoid(recall, false_ratio)) if 0 < wanted < len(labels) else nan
    average = float((np.diff(recall) * precision).sum()) if wanted else nan
    return Ranks(np.append(precision[:1], precision), recall, false_ratio, roc, average)


def precision_at(scores: Floats, labels: Bools, k: int) -> float:
    """Share of labelled samples among the `k` with the highest scores; of those that tie for the last places their mean."""
    if not 0 < k <= len(scores):
        return float("nan")
    least = float(np.partition(scores, len(scores) - k)[len(scores) - k])
    above, tied = scores > least, scores == least
    return float((labels[above].sum() + (k - above.sum()) * labels[tied].mean()) / k)


class Samples(NamedTuple):
    """Samples by whether they were flagged and whether they are labelled: a confusion matrix."""

    hit: int
    missed: int
    false: int
    quiet: int


def score_samples(flags: Bools, labels: Bools) -> Samples:
    """The confusion matrix of the samples after the probation."""
    judged = np.arange(len(labels)) >= int(PROBATION * len(labels))
    return Samples(
        *(int((judged & a & b).sum()) for a, b in ((labels, flags), (labels, ~flags), (~labels, flags), (~labels, ~flags)))
    )
