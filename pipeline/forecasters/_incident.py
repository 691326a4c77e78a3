"""Incidents taken out of what a model learns from: what happened once must not come back with the next season.

A runaway process, a failed deployment, an outage: for some hours a machine does what it never does, and then goes on as before.
A model that looks back season by season expects the same again a week later.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.forecasters._season import phases
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import Granularity

Flags = npt.NDArray[np.bool_]

#: Seasons on either side whose same phase says what is usual, and how many of these must be known.
_AROUND: dict[Granularity, int] = {"hour": 7, "day": 4}
_LEAST_AROUND = 3
#: Periods that an incident lasts at most: less than a day of hours, or two days.
_LONGEST: dict[Granularity, int] = {"hour": 22, "day": 2}
#: How far a period lies from what is usual, in standard deviations, where it must be an incident, and where it may belong to one.
_CLEAR, _BEYOND = 8.0, 4.0
#: Share of a history up to which incidents are incidents, if there is more than one. What happens more often belongs to it.
_RARE = 0.02


def without_incidents(panel: Panel) -> Panel:
    """The panel with incidents missing.

    An incident is far beyond what is usual at its hour or weekday, is over, is rare, and lasted less than a day of hours, or two
    days at most. What comes again at the same hour of the day, lies on a holiday or at a quarter's end, or scatters in any
    case, stays. Series of less than five seasons are left as they are.
    """
    season = panel.season
    if panel.periods < 5 * season:
        return panel
    # Whole seasons alone; what is left at the start is too old to matter.
    columns = panel.periods // season * season
    distance = _distance(panel.values[:, -columns:], season, _AROUND[panel.step])
    rows = np.flatnonzero((distance > _CLEAR).any(axis=1))
    if not len(rows):
        return panel
    found = _incidents(distance[rows], panel.take(rows).timestamps()[:, -columns:], panel.step, season)
    values = panel.values.copy()
    values[rows[:, None], np.arange(panel.periods - columns, panel.periods)] = np.where(found, np.nan, values[rows, -columns:])
    return replace(panel, values=values)


def _distance(values: Floats, season: int, around: int) -> Floats:
    """(n, T) how far each period lies from what is usual, in standard deviations; 0 where that cannot be told."""
    block = phases(values, season)
    padded = np.pad(block, ((0, 0), (around, around), (0, 0)), constant_values=np.nan)
    nearby = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * around + 1, axis=1), axis=-1)
    known = np.count_nonzero(~np.isnan(nearby), axis=-1)
    usual = np.take_along_axis(nearby, np.maximum((known - 1) // 2, 0)[..., None], axis=-1)[..., 0]
    apart = np.abs(block - np.where(known > _LEAST_AROUND, usual, np.nan)).reshape(values.shape)
    ordered = np.sort(apart, axis=1)
    middle = np.maximum(np.count_nonzero(~np.isnan(ordered), axis=1) - 1, 0) // 2
    noise = ordered[np.arange(len(values)), middle][:, None] / 0.6745
    distance: Floats = np.where(noise > 0, np.nan_to_num(apart) / np.where(noise > 0, noise, 1.0), 0.0)
    return distance


def _incidents(distance: Floats, when: npt.NDArray[np.datetime64], step: Granularity, season: int) -> Flags:
    """(n, T) which periods are incidents."""
    beyond = distance > _BEYOND
    first, last = _runs(beyond)
    periods = np.arange(distance.shape[1])
    length = last - first + 1
    clear = _any_of_run(distance > _CLEAR, first, last)
    over = last + length < distance.shape[1]
    calendar = calendars.us_holiday(when) | calendars.year_end_lull(when) | (calendars.quarter_end_ramp(when) > 0)
    incident = beyond & clear & over & (length <= _LONGEST[step]) & ~_any_of_run(calendar, first, last)
    if step == "hour":
        incident &= ~_comes_again(beyond, season)
    # What scatters anyway has no incidents: as many periods lie beyond without being part of one.
    rest = (beyond & ~incident).sum(axis=1)
    share = (incident.sum(axis=1) + rest) / distance.shape[1]
    runs = (incident & (first == periods)).sum(axis=1)
    rare = (share <= _RARE) | ((runs == 1) & (rest <= _RARE * distance.shape[1]))
    found: Flags = incident & rare[:, None]
    return found


def _runs(flags: Flags) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(n, T) the first and last period of the run of true periods that each true period is part of."""
    periods = np.arange(flags.shape[1])
    first = np.maximum.accumulate(np.where(~flags, periods, -1), axis=1) + 1
    last = np.minimum.accumulate(np.where(~flags, periods, flags.shape[1])[:, ::-1], axis=1)[:, ::-1] - 1
    return first, last


def _any_of_run(flags: Flags, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> Flags:
    """(n, T) whether any period of the run is flagged; meaningful within runs."""
    count = np.pad(np.cumsum(flags, axis=1), ((0, 0), (1, 0)))
    last = np.maximum(last, first - 1)
    any_flagged: Flags = np.take_along_axis(count, last + 1, axis=1) > np.take_along_axis(count, first, axis=1)
    return any_flagged


def _comes_again(beyond: Flags, season: int) -> Flags:
    """(n, T) whether as much lies beyond at about the same hour of another day."""
    wide = beyond.copy()
    wide[:, 1:] |= beyond[:, :-1]
    wide[:, :-1] |= beyond[:, 1:]
    days = wide.reshape(len(beyond), -1, season).sum(axis=1)
    again: Flags = np.tile(days > 1, beyond.shape[1] // season)
    return again
