"""The features of the catalogue that are of one series: of its hours or days, and of samples that come oftener."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.features.compute import compute, split_resources
from pipeline.features.windows import Floats
from pipeline.forecasting.panel import STEP
from pipeline.tables.catalogue import BASE_METRICS, Feature, list_features, reach
from pipeline.tables.columns import Granularity

#: What is of several metrics, which one series has not, and what is of the calendar, which is known of any moment.
_OTHERS = ("temporal", "cross-correlation", "interaction")
#: Values; whatever else has the metric's unit is a distance.
_LEVELS = ("mean", "min", "max", "median", "lag", "p05", "p10", "p25", "p75", "p90", "p95")
_SHARES = ("pct",)
#: Samples of the same so many minutes of different hours are held against each other.
_SLOT_MINUTES = 5
#: Of more samples in one of these than of one by the second, the others have no features.
_MOST_IN_SLOT = 60 * _SLOT_MINUTES


class Kinds(NamedTuple):
    """Of each feature of one series what its number is, (features,) each; the rest is a ratio, or counts periods.

    Attributes:
        level: a value of the series.
        distance: between values of the series, or of a time.
        share: in percent of a value of the series.
    """

    level: npt.NDArray[np.bool_]
    distance: npt.NDArray[np.bool_]
    share: npt.NDArray[np.bool_]


@cache
def _of_one(granularity: Granularity) -> tuple[tuple[Feature, ...], tuple[tuple[int, ...], ...]]:
    """The features of the first metric, and for each metric where among all features its own stand."""
    every = list_features(granularity)
    places = tuple(
        tuple(place for place, each in enumerate(every) if each.family not in _OTHERS and each.name.startswith(f"{name}_"))
        for name in BASE_METRICS
    )
    return tuple(every[place] for place in places[0]), places


def names(granularity: Granularity) -> tuple[str, ...]:
    """The features of one series, without the metric that they begin with."""
    first = next(iter(BASE_METRICS))
    return tuple(each.name.removeprefix(f"{first}_") for each in _of_one(granularity)[0])


@cache
def kinds(granularity: Granularity) -> Kinds:
    """What each feature's number is, in the order of `names`."""
    unit = next(iter(BASE_METRICS.values()))[1]
    words = [name.split("_")[0] for name in names(granularity)]
    level = np.array([word in _LEVELS for word in words])
    share = np.array([word in _SHARES for word in words])
    in_unit = np.array([each.unit.startswith(unit) for each in _of_one(granularity)[0]])
    return Kinds(level, in_unit & ~level & ~share, share)


def of_series(values: Floats, granularity: Granularity, keep: int) -> Floats:
    """The features of the last periods of some series, worked out by the same code as the tables of gold.

    Args:
        values: (n, periods) of regular periods; NaN is missing.
        granularity: length of the periods.
        keep: how many last periods.

    Returns:
        (n, kept, features), as `gold.feature_hourly` or `feature_daily` has them of these periods; NaN is null.
    """
    slots, keep = len(BASE_METRICS), min(keep, values.shape[1])
    out = np.full((len(values), keep, len(names(granularity))), np.nan)
    if not out.size:
        return out
    # A feature of one metric depends on no other, so that three series take the places of a resource's three metrics.
    per_slot = -(-len(values) // slots)
    padded = np.full((slots * per_slot, values.shape[1]), np.nan)
    padded[: len(values)] = values
    x = padded.reshape(slots, per_slot, -1)
    # Features of the calendar are left out: which moments these are does not matter.
    when = np.datetime64("2001-01-01", "us") + np.arange(values.shape[1]) * STEP[granularity]
    by_slot = [out[slot * per_slot : (slot + 1) * per_slot] for slot in range(slots)]
    for part in split_resources(per_slot, keep):
        found = compute(x[:, part], when, granularity, keep)
        for filled, places in zip(by_slot, _of_one(granularity)[1], strict=True):
            here = filled[part]
            here[:] = np.moveaxis(found[list(places), : len(here)], 0, 2)
    return out


def of_samples(clock: npt.NDArray[np.datetime64], values: Floats) -> Floats:
    """The features by the hour of every sample of one series, however often it has some: windows are of time.

    A sample stands for its hour, those of the same five minutes of the hours before it for these: so a series by the hour has the
    features that `gold.feature_hourly` has, one of five minutes is read as twelve by the hour, and 24 periods are a day. Of
    several samples in five minutes the first is held against the first, the second against the second. Causal, as `compute` is.

    Args:
        clock: (rows) moments that never run backwards.
        values: (rows) NaN is missing.

    Returns:
        (rows, features), in the order of `names("hour")`; NaN is null, as nearly all are of a series by the day.
    """
    out = np.full((len(values), len(names("hour"))), np.nan)
    if not len(values):
        return out
    slot = clock.astype("datetime64[m]").astype(np.int64) // _SLOT_MINUTES
    rows = np.arange(len(slot))
    within = rows - np.maximum.accumulate(np.where(np.diff(slot, prepend=slot[0] - 1) != 0, rows, 0))
    hour = slot // (60 // _SLOT_MINUTES)
    # Nothing is read across more than `reach`: a longer silence is as good as one just longer, and takes no more room.
    hour = np.concatenate([[0], np.cumsum(np.minimum(np.diff(hour), reach("hour") + 1))])
    kept = np.flatnonzero(within < _MOST_IN_SLOT)
    _, line = np.unique(slot[kept] % (60 // _SLOT_MINUTES) + (60 // _SLOT_MINUTES) * within[kept], return_inverse=True)
    regular = np.full((int(line.max()) + 1, int(hour[-1]) + 1), np.nan)
    regular[line, hour[kept]] = values[kept]
    # A few lines at a time: of each hour of each line there are a hundred features, of which few are a sample's.
    for first in range(0, len(regular), len(BASE_METRICS)):
        lines = slice(first, first + len(BASE_METRICS))
        asked = (line >= first) & (line < first + len(BASE_METRICS))
        found = of_series(regular[lines], "hour", regular.shape[1])
        out[kept[asked]] = found[line[asked] - first, hour[kept[asked]]]
    return out
