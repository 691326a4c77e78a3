"""The columns of the feature catalogue that are of one series, at a cutoff, for forecasters that learn from rows."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.features.compute import compute
from pipeline.forecasting.panel import STEP, Floats, Panel
from pipeline.tables.catalogue import BASE_METRICS, Feature, list_features, reach
from pipeline.tables.columns import Granularity

#: What is of several metrics, which a panel has not, and what is of the calendar, which is known for the lead itself.
_OTHERS = ("temporal", "cross-correlation", "interaction")
#: Values, against the series' centre; whatever else has the metric's unit is a distance.
_LEVELS = ("mean", "min", "max", "median", "lag", "p05", "p10", "p25", "p75", "p90", "p95")
_SHARES = ("pct",)


class Known(NamedTuple):
    """Features of the catalogue at one cutoff.

    Attributes:
        names: without the metric that they begin with: `mean_24`.
        values: (n, features), as `gold.feature_hourly` or `feature_daily` has them of the cutoff's own period; NaN is null.
    """

    names: tuple[str, ...]
    values: Floats


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


def known_at(panel: Panel, back: int) -> Known:
    """The features of every series in the last period before a cutoff `back` periods before the panel's end.

    They are worked out by the same code as the tables of gold, from what was observed up to the cutoff.
    """
    end = panel.periods - back
    values = panel.values[:, max(0, end - reach(panel.step) - 1) : end]
    if not values.size:
        return Known(names(panel.step), np.full((len(panel), len(names(panel.step))), np.nan))
    # A feature of one metric depends on no other, so that three series take the places of a resource's three metrics.
    slots = len(BASE_METRICS)
    per_slot = -(-len(values) // slots)
    padded = np.full((slots * per_slot, values.shape[1]), np.nan)
    padded[: len(values)] = values
    # Features of the calendar are left out: which moments these are does not matter.
    when = np.datetime64("2001-01-01", "us") + np.arange(values.shape[1]) * STEP[panel.step]
    found = compute(padded.reshape(slots, per_slot, -1), when, panel.step, keep=1)[:, :, 0]
    places = _of_one(panel.step)[1]
    stacked = np.concatenate([found[list(of)].T for of in places])[: len(values)]
    return Known(names(panel.step), stacked)


def relative(known: Known, granularity: Granularity, centre: Floats, size: Floats, limit: float) -> Floats:
    """(n, features) the same, values and distances in units of the series' own size, so that series of all sizes pool.

    Args:
        known: from `known_at`.
        granularity: of the panel.
        centre, size: (n,) the series' level and size at the cutoff.
        limit: beyond which a value is as good as this.
    """
    features = _of_one(granularity)[0]
    unit = next(iter(BASE_METRICS.values()))[1]
    kinds = [name.split("_")[0] for name in known.names]
    is_level = np.array([kind in _LEVELS for kind in kinds])
    is_distance = np.array(
        [each.unit.startswith(unit) and kind not in (*_LEVELS, *_SHARES) for each, kind in zip(features, kinds, strict=True)]
    )
    is_share = np.array([kind in _SHARES for kind in kinds])
    values = known.values - np.where(is_level, centre[:, None], 0.0)
    values = np.where(is_level | is_distance, values / size[:, None], np.where(is_share, values / 100, values))
    return np.asarray(np.clip(values, -limit, limit), dtype=np.float64)
