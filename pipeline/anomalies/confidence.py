"""How likely an incident is one that a person would call so, by what its detector said and how long it lasted.

What is said is the answer of people on two public sets, by the hour as the lake has them: of incidents that are given p, a share
p was labelled. `tools/bench_confidence.py` made the table, and says how well one holds on categories that it was not made from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.detection import Detector, arrival_clock, finite
from pipeline.anomalies.incidents import APART
from pipeline.anomalies.scoring import near_events
from pipeline.anomalies.state import hold

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Stamps = npt.NDArray[np.datetime64]

#: Beyond so many times the threshold nothing is surer; of 3, 5 and 10 (errors .05 to .13) none is better for all detectors.
MOST_EXCESS = 5.0
#: Hours of a series before the first that counts, as `detect_min_history_hours` has it by default.
FIRST_HOURS = 168
#: Fewer labelled incidents say nothing of how well a confidence holds.
LEAST_INCIDENTS = 30
#: Parts of equally many incidents in which what was stated is held against what was true.
PARTS = 5
_HOUR = np.timedelta64(1, "h")
# A ridge of one on the slopes, as strong as one incident's doubt: small sets do not make them steep.
_RIDGE, _STEPS = 1.0, 50


class Curve(NamedTuple):
    """Log-odds that an incident is a true one; both slopes are 0 at least.

    Attributes:
        at_threshold: of an hour that just reaches the threshold.
        by_excess: for each natural logarithm of multiples of the threshold.
        by_hours: for each natural logarithm of hours that it lasted.
    """

    at_threshold: float
    by_excess: float
    by_hours: float

    def of(self, excess: Floats, hours: Floats) -> Floats:
        """Confidence of incidents: of such ones a share as large is true.

        Args:
            excess: largest of each, in multiples of the detector's threshold.
            hours: from start to end, 1 at least.
        """
        odds = self.at_threshold + self.by_excess * _steep(excess) + self.by_hours * np.log(np.fmax(hours, 1.0))
        stated: Floats = 1.0 / (1.0 + np.exp(-odds))
        return stated


#: What `python -m tools.bench_confidence` gives, for detectors whose error on categories that are left out is a tenth at most.
CURVES = {
    "bounded": Curve(-1.2203, 1.0926, 0.8208),
    "default": Curve(-1.1071, 0.9521, 0.8765),
    "iqr": Curve(-3.5198, 1.4803, 0.3805),
    "novelty": Curve(-1.7878, 1.3331, 0.7325),
    "seasonal_mad": Curve(-1.5397, 0.5859, 1.1909),
    "zscore": Curve(-2.5989, 1.7839, 0.4821),
}


class Incidents(NamedTuple):
    """Incidents of labelled series.

    Attributes:
        excess, hours: as `Curve.of` takes them.
        true: whether people labelled something in it, or as near as an alert finds it.
    """

    excess: Floats
    hours: Floats
    true: Bools


def say_confidence(found: pd.DataFrame, by_default: Collection[str]) -> Floats:
    """The confidence of incidents; NaN of those that another detector, or several, found.

    Args:
        found: rows of `gold.anomaly`; of these detectors, score and hours.
        by_default: detectors that ask with the options that they were measured with.
    """
    stated = np.full(len(found), np.nan)
    score = np.clip(found["score"].to_numpy(dtype=np.float64), 0.0, 1 - 1e-9)
    hours = found["hours"].to_numpy(dtype=np.float64)
    for name, curve in CURVES.items():
        if name in by_default:
            stated = np.where(found["detectors"] == name, curve.of(score / (1 - score), hours), stated)
    return stated


def hourly(ts: Stamps, values: Floats, labels: Bools) -> tuple[Stamps, Floats, Bools]:
    """A labelled series as the lake has it: of each hour the p95, and whether any sample of it is labelled."""
    known = np.isfinite(values)
    hours, place = np.unique(ts[known].astype("datetime64[h]"), return_inverse=True)
    order = np.lexsort((values[known], place))
    counts = np.bincount(place, minlength=len(hours))
    ranks = np.ceil(0.95 * counts).astype(np.int64) - 1
    first = np.cumsum(counts) - counts
    marked = np.bincount(place, weights=labels[known], minlength=len(hours)) > 0
    return hours.astype("datetime64[us]"), values[known][order][first + ranks], marked


def find_incidents(series: tuple[Stamps, Floats, Bools], detect: Detector) -> Incidents:
    """The incidents that one detector alone finds in a labelled series of hours, after its first week.

    Args:
        series: as `hourly` gives it.
        detect: with the options that are asked about.
    """
    ts, values, labels = series
    found = detect(ts, values)
    flags = np.flatnonzero(hold(arrival_clock(ts), finite(values), found) >= 1)
    flags = flags[flags >= FIRST_HOURS]
    near, parts = near_events(labels), list(_together(ts, flags))
    return Incidents(
        np.array([found.excess[rows].max() for rows in parts], dtype=np.float64),
        np.array([(ts[rows[-1]] - ts[rows[0]]) / _HOUR + 1 for rows in parts], dtype=np.float64),
        np.array([near[rows].any() for rows in parts], dtype=np.bool_),
    )


def _together(ts: Stamps, flags: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Rows that are one incident, as `group_points` takes them together."""
    if len(flags):
        yield from np.split(flags, np.flatnonzero(np.diff(ts[flags]) > APART + _HOUR) + 1)


def add_up(parts: Collection[Incidents]) -> Incidents:
    """The incidents of several series."""
    return Incidents(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def fit(incidents: Incidents) -> Curve:
    """The curve of what people said of incidents; a slope that would fall is 0.

    Source: Platt (1999), Probabilistic outputs: a logistic curve by Newton's steps, with a ridge of one on its slopes.
    """
    told = np.column_stack([_steep(incidents.excess), np.log(np.fmax(incidents.hours, 1.0))])
    used = np.ones(2, dtype=np.bool_)
    for _ in range(3):
        weights = _fit(told[:, used], incidents.true)
        slopes = np.zeros(2)
        slopes[used] = weights[1:]
        if (slopes >= 0).all():
            break
        used &= slopes > 0
    return Curve(float(weights[0]), float(slopes[0]), float(slopes[1]))


def _fit(told: Floats, true: Bools) -> Floats:
    rows = np.column_stack([np.ones(len(told)), told])
    ridge = _RIDGE * np.diag(np.r_[1e-6, np.ones(told.shape[1])])
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        stated = 1.0 / (1.0 + np.exp(-rows @ weights))
        slope = rows.T @ (true - stated) - ridge @ weights
        weights = weights + np.linalg.solve((rows.T * (stated * (1 - stated))) @ rows + ridge, slope)
    return np.asarray(weights, dtype=np.float64)


def _steep(excess: Floats) -> Floats:
    logged: Floats = np.log(np.clip(excess, 1.0, MOST_EXCESS))
    return logged


def calibration_error(stated: Floats, true: Bools, parts: int = PARTS) -> float:
    """Expected calibration error: how far what was stated lies from what was true, by parts of equally many incidents.

    Args:
        stated: confidence of each incident; those of NaN count in no part.
        true: whether it was one.
        parts: in the order of what was stated, ties in the order given.

    Returns:
        From 0 to 1; NaN of fewer than `LEAST_INCIDENTS`. Of incidents that are perfectly stated it is not 0: with 45 in a part
        chance alone makes it about .06.

    Source: Naeini et al. (2015), Obtaining well calibrated probabilities, with bins of equal size.
    """
    known = np.flatnonzero(~np.isnan(stated))
    if len(known) < LEAST_INCIDENTS:
        return float("nan")
    ordered = known[np.argsort(stated[known], kind="stable")]
    gaps = [len(part) * abs(float(stated[part].mean() - true[part].mean())) for part in np.array_split(ordered, parts)]
    return sum(gaps) / len(known)
