"""What holidays and quarter ends do to a segment, as a factor on its series."""

from __future__ import annotations

import numpy as np

from pipeline.forecasters import ridge
from pipeline.forecasters._past import segments
from pipeline.forecasting.panel import Floats, Panel

#: Series in a segment up to which its calendar effects are not trusted; at thrice as many they are by half.
_TRUST_SERIES = 10.0
#: Days of hourly history from which a past quarter end can be in it.
_LEAST_DAYS = 100
#: Hours of a day that make its mean.
_LEAST_HOURS = 20


def trusted(panel: Panel, log_effect: Floats) -> Floats:
    """(n, T + horizon) factor from a logged effect, drawn towards 1 where few series speak of a few days a year."""
    segment = segments(panel.metric)
    alike = np.bincount(segment)[segment]
    trust = np.maximum(alike - _TRUST_SERIES, 0.0) / (alike + _TRUST_SERIES)
    factor: Floats = np.exp(trust[:, None] * np.clip(log_effect, -1.0, 1.0))
    return factor


def of_hours(panel: Panel, horizon: int, terms: ridge.Options) -> Floats | None:
    """(n, T + horizon) factor on an hourly panel, learnt from its daily means; None when the history is too short.

    Hours look back eight weeks, in which there is no quarter end; days look back years.
    """
    if panel.step != "hour" or panel.periods < 24 * _LEAST_DAYS:
        return None
    # Hours left of each series' last day: the daily block ends with whole days.
    left = 23 - panel.end.astype("datetime64[h]").astype(np.int64) % 24
    days = -(-(panel.periods + 23) // 24)
    place = np.arange(24 * days) - (24 * days - panel.periods - left[:, None])
    inside = (place >= 0) & (place < panel.periods)
    hours = np.take_along_axis(panel.values, np.clip(place, 0, panel.periods - 1), axis=1)
    hours = np.where(inside, hours, np.nan).reshape(len(panel), days, 24)
    seen = (~np.isnan(hours)).sum(axis=2)
    mean = np.where(np.isnan(hours), 0.0, hours).sum(axis=2) / np.maximum(seen, 1)
    mean[seen < _LEAST_HOURS] = np.nan
    daily = Panel(panel.series_id, panel.metric, panel.end.astype("datetime64[D]"), "day", mean, panel.upper)
    ahead = -(-horizon // 24) + 1
    [(_, effect)] = ridge.raw_quantiles(daily, ahead, (0.5,), (True,), terms)
    by_hour = np.repeat(trusted(panel, effect), 24, axis=1)
    first = 24 * days - panel.periods - left
    factor: Floats = np.take_along_axis(by_hour, first[:, None] + np.arange(panel.periods + horizon), axis=1)
    return factor
