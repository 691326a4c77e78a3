"""Clusters of resources that are used alike, by K-Means on the shape of their days and weeks.

**What decides** is the shape: how the night, the edges of the day and the weekend stand to the working day, averaged over the
metrics. Level and spread are stated of each cluster and decide nothing: how large a machine's load is, is not what it does. With
them among the coordinates the silhouette prefers two clusters, of which one has the outliers in size.

**What is not known stays unknown.** A resource that is switched off at night has no night. It takes no part in finding clusters,
and joins the one whose known hours its own resemble.

Source: silhouette of P. J. Rousseeuw, 1987, J. Comput. Appl. Math. 20; k-means++ of Arthur and Vassilvitskii, 2007.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.exploration.profile import LEAST_HOURS, LEAST_PER_CELL, RESOURCE, Floats, Profiles, mean_known

Labels = npt.NDArray[np.int64]

#: How many clusters are tried.
FEWEST, MOST = 2, 8
#: Resources with a whole week without which there are no clusters, more than twice as many as are tried at most.
LEAST_RESOURCES = 2 * MOST + 1
#: What is nearer than this to the working day is as busy, in logarithms: a tenth.
ALIKE = 0.1


@dataclass(frozen=True)
class Clusters:
    """What was found.

    Attributes:
        labels: of each profile, (N,); -1 where it is in no cluster.
        reasons: why it is in none, (N,); empty where it is in one.
        fit: silhouette of each resource that took part, (N,); NaN else.
        silhouettes: mean silhouette by the number of clusters, of each that was tried.
    """

    labels: Labels
    reasons: list[str]
    fit: Floats
    silhouettes: dict[int, float]

    @property
    def count(self) -> int:
        return max(self.silhouettes, key=lambda k: (self.silhouettes[k], -k)) if self.silhouettes else 0


def find_clusters(profiles: Profiles, count: int | None = None) -> Clusters:
    """Group resources by shape; how many groups there are decides the mean silhouette, the fewer where two are equal.

    Args:
        profiles: of at least `LEAST_RESOURCES` with a whole week, else all are in none.
        count: so many clusters, whatever the silhouette says.

    Returns:
        Labels from 0, the largest cluster first. Equal profiles give equal labels, in every process.
    """
    enough = profiles.hours >= LEAST_HOURS
    shape = profiles.shape()
    whole = enough & np.isfinite(shape[:, :, 0]).all(axis=1)
    points = _scale(shape, whole)
    labels, fit = np.full(len(enough), -1, dtype=np.int64), np.full(len(enough), np.nan)
    reasons = [
        "" if each else f"{hours} hours are known; {LEAST_HOURS} are needed."
        for each, hours in zip(enough, profiles.hours, strict=True)
    ]
    if whole.sum() < LEAST_RESOURCES or len(np.unique(points[whole], axis=0)) <= MOST:
        few = f"{whole.sum()} resources have a whole week, not all alike; {LEAST_RESOURCES} are needed."
        return Clusters(labels, [reason or few for reason in reasons], fit, {})
    tried = {k: _k_means(points[whole], k) for k in ([count] if count else range(FEWEST, MOST + 1))}
    found = Clusters(labels, reasons, fit, {k: float(each.mean()) for k, (_, each) in tried.items()})
    labels[whole], fit[whole] = tried[found.count]
    _join(profiles, labels, enough & ~whole, whole, found.count)
    for row in np.flatnonzero(enough & (labels < 0)):
        reasons[row] = f"No hour of its week is in use often enough; {LEAST_PER_CELL} times are needed."
    labels[:] = _by_size(labels)
    return found


def keep_numbers(names: pd.DataFrame, labels: Labels, before: pd.DataFrame) -> Labels:
    """The same clusters under the numbers that the run before gave them, so that most resources keep theirs.

    Args:
        names: account, region, resource_id of each label.
        labels: from 0, -1 for none.
        before: account, region, resource_id, cluster of the run before, and the highest number of all of before; may be empty.

    Returns:
        Numbers from 1, 0 for none. A cluster that shares no resource with one of before has the next number that none had.
    """
    from scipy.optimize import linear_sum_assignment

    count = int(labels.max(initial=-1)) + 1
    told = names.merge(before, how="left", on=RESOURCE, validate="1:1")["cluster"]
    known = sorted(before["cluster"].astype(int).unique())
    shared = np.array([[((labels == label) & (told == number)).sum() for number in known] for label in range(count)])
    number_of: dict[int, int] = {-1: 0}
    if count and known:
        rows, columns = linear_sum_assignment(-shared)
        number_of |= {int(r): int(known[c]) for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0}
    free = itertools.count(1 + int(before["highest"].max() if len(before) else 0))
    for label in range(count):
        if label not in number_of:
            number_of[label] = next(free)
    return np.array([number_of[int(label)] for label in labels], dtype=np.int64)


def describe(profiles: Profiles, members: npt.NDArray[np.bool_]) -> str:
    """A sentence about one cluster, by medians over its members, of which some have a whole week; hours are of UTC."""
    night, _, weekend = np.nanmedian(profiles.shape()[members][:, :, 0], axis=0)
    words = [
        _say(night, "At night as busy as by day", "Busier at night than by day", "Busier by day than at night"),
        _say(weekend, "as busy at weekends", "busier at weekends", "quieter at weekends"),
    ]
    measured = [
        f"from 0 to 6 UTC {100 * np.exp(night):.0f} % of 9 to 18 on workdays",
        f"at weekends {100 * np.exp(weekend):.0f} % of the same hours on workdays",
    ]
    for name, values in zip(("CPU", "memory"), profiles.level[members].T, strict=True):
        if np.isfinite(values).any():
            measured.append(f"{np.nanmedian(values):.0f} % {name}")
    return f"{', '.join(words)}: {', '.join(measured)} while in use."


def _say(log_ratio: float, alike: str, more: str, less: str) -> str:
    return alike if abs(log_ratio) < ALIKE else more if log_ratio > 0 else less


def _scale(shape: Floats, whole: npt.NDArray[np.bool_]) -> Floats:
    """Coordinates, (N, 3): the mean of the metrics' shapes, each in its own standard deviations among those with a whole week.

    A metric has one for all parts: a part in which nobody differs must not be blown up to noise.
    """
    if not whole.any():
        return np.full(shape.shape[:2], np.nan)
    known = np.where(whole[:, None, None], shape, np.nan)
    middle = mean_known(known, 0)
    spread = np.sqrt(mean_known(mean_known((known - middle) ** 2, 0), 0))
    scaled: Floats = (shape - middle) / np.where(spread > 0, spread, 1)
    # What other processors add up otherwise, in the last digits, decides nothing.
    return np.round(mean_known(scaled, 2), 9)


def _k_means(points: Floats, count: int) -> tuple[Labels, Floats]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_samples

    labels: Labels = KMeans(count, n_init=20, random_state=0).fit_predict(points).astype(np.int64)
    return labels, np.asarray(silhouette_samples(points, labels), dtype=np.float64)


def _join(profiles: Profiles, labels: Labels, joining: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_], count: int) -> None:
    """Give each resource without a whole week the cluster whose cells it resembles, the levels over its own hours being equal."""
    cells = profiles.cells
    middle = mean_known(cells, 1)[:, None]
    spread = np.sqrt(mean_known(mean_known((cells[whole] - middle[whole]) ** 2, 0), 0))
    scaled = cells / np.where(spread > 0, spread, 1)
    centres = np.stack([mean_known(scaled[labels == label], 0) for label in range(count)])
    for row in np.flatnonzero(joining):
        apart = scaled[row] - centres
        apart = apart - mean_known(apart, 1)[:, None]
        distance = mean_known(mean_known(apart**2, 1), 1)
        if np.isfinite(distance).all():
            labels[row] = int(np.argmin(distance))


def _by_size(labels: Labels) -> Labels:
    """The same, numbered by size; of equal ones that of the first resource first."""
    found: Any = [label for label in np.unique(labels) if label >= 0]
    order = sorted(found, key=lambda label: (-int((labels == label).sum()), int(np.argmax(labels == label))))
    place = {label: number for number, label in enumerate(order)} | {-1: -1}
    return np.array([place[label] for label in labels], dtype=np.int64)
