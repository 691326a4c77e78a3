"""The columns of the feature catalogue that are of one series, at a cutoff, for forecasters that learn from rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.features.series import kinds, names, of_series
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.catalogue import reach
from pipeline.tables.columns import Granularity


class Known(NamedTuple):
    """Features of the catalogue at one cutoff.

    Attributes:
        names: without the metric that they begin with: `mean_24`.
        values: (n, features), as `gold.feature_hourly` or `feature_daily` has them of the cutoff's own period; NaN is null.
    """

    names: tuple[str, ...]
    values: Floats


def known_at(panel: Panel, back: int) -> Known:
    """The features of every series in the last period before a cutoff `back` periods before the panel's end.

    They are worked out by the same code as the tables of gold, from what was observed up to the cutoff.
    """
    end = panel.periods - back
    values = panel.values[:, max(0, end - reach(panel.step) - 1) : end]
    if not values.size:
        return Known(names(panel.step), np.full((len(panel), len(names(panel.step))), np.nan))
    return Known(names(panel.step), of_series(values, panel.step, keep=1)[:, 0])


def relative(known: Known, granularity: Granularity, centre: Floats, size: Floats, limit: float) -> Floats:
    """(n, features) the same, values and distances in units of the series' own size, so that series of all sizes pool.

    Args:
        known: from `known_at`.
        granularity: of the panel.
        centre, size: (n,) the series' level and size at the cutoff.
        limit: beyond which a value is as good as this.
    """
    is_level, is_distance, is_share = kinds(granularity)
    values = known.values - np.where(is_level, centre[:, None], 0.0)
    values = np.where(is_level | is_distance, values / size[:, None], np.where(is_share, values / 100, values))
    return np.asarray(np.clip(values, -limit, limit), dtype=np.float64)
