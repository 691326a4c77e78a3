"""What a series would have been at its present level: shifts of the level found and taken back.

A machine is resized, a team moves in, a release halves the load: from one day to the next another level holds, and stays. A
model that takes the days before for the same series expects the old level to come back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from pipeline.forecasters._past import segments
from pipeline.forecasters._saturated import saturated_for
from pipeline.forecasters._season import phases
from pipeline.forecasting import calendars
from pipeline.forecasting.panel import SEASON, Floats, Panel

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

#: Days compared on either side of a day: short windows find large shifts, long ones small ones. One week behind it is enough.
_WINDOWS, _LEAST_DAYS = (14, 28, 56), 7
#: The smallest shift, in logarithms: what is less than a tenth, smoothing follows as well.
_SHIFT = 0.1
#: How far it stands out, in standard deviations of the difference between two windows.
_CLEAR = 5.0
#: Share of the days on their side of the middle, as a part of what noise would leave there: an incident is no shift.
_APART = 0.6
#: Shifts looked for in one series, and how many in one direction are none: what is cleaned up again and again fills again.
_MOST, _CYCLE = 4, 3
#: Series known on a day from which what their median does for less than a fortnight is the calendar's doing.
_MANY, _FORTNIGHT = 10, 14
#: Days around a day that make a series' own level then.
_AROUND = 28
#: Windows that a history holds at least for their differences to tell how the level wanders; fewer, and a shift is in most.
_HELD = 8
#: Days by the hour: how many before a shift are looked at, and how many after it at most.
_BEFORE, _FRESH = 14, 12
#: The smallest shift by the hour, in percentage points.
_LEAST_SHIFT = 3.0


def at_present_level(panel: Panel) -> Floats:
    """(n, T) the values as they would have been at the level that holds now; as they are where it never shifted.

    Days before a shift are multiplied, hours are moved: what is small at night does not grow with the machine's idle load. What
    stands at its limit has no other level; `_saturated` says what becomes of it.
    """
    if panel.step == "day":
        return panel.values * factor(panel)
    rows = np.flatnonzero(np.isfinite(panel.upper) & (saturated_for(panel) == 0))
    if panel.periods < (_BEFORE + 2) * SEASON["hour"] or not len(rows):
        return panel.values
    values = panel.values.copy()
    values[rows] = _moved(panel.values[rows], panel.upper[rows])
    return values


def _moved(values: Floats, upper: Floats) -> Floats:
    """(n, T) hours, with those before a shift of the last days moved to the level since.

    A shift leaves no hour since then in reach of the same hour of the two weeks before it. What shifted longer ago, the models
    themselves have learnt.
    """
    season = SEASON["hour"]
    whole = phases(values, season)
    answer, searched = values.copy(), np.arange(len(values))
    least, most = whole[:, -1], whole[:, -1]
    for days in range(1, min(_FRESH, whole.shape[1] - _BEFORE - 1) + 1):
        least, most = np.fmin(least, whole[:, -days]), np.fmax(most, whole[:, -days])
        # The day in between is partly before, partly after.
        before = whole[searched, -days - 1 - _BEFORE : -days - 1]
        low, high = np.fmin.reduce(before, axis=1), np.fmax.reduce(before, axis=1)
        clear = (least[searched] > high).all(axis=1) | (most[searched] < low).all(axis=1)
        for row, floor, ceiling in zip(searched[clear], low[clear], high[clear], strict=True):
            since = np.arange(1, days + 1)
            # The same weekdays before, of which the two weeks hold two each.
            usual = [whole[row, -(days + 2 + (day - days - 2) % SEASON["day"] + np.array([0, SEASON["day"]]))] for day in since]
            shift = _median((whole[row, -since, None] - np.array(usual)).reshape(1, -1))[0, 0]
            end = values.shape[1] - days * season
            between = values[row, end - season : end]
            after = between > ceiling if shift > 0 else between < floor
            if abs(shift) > _LEAST_SHIFT:
                answer[row, : end - season] += shift
                answer[row, end - season : end] += np.where(after, 0.0, shift)
        searched = searched[~clear]
    lower = np.where((values < 0).any(axis=1), -np.inf, 0.0)
    return np.clip(answer, lower[:, None], upper[:, None])


def factor(panel: Panel) -> Floats:
    """(n, T) by which the days before a shift are multiplied; 1 where there was none.

    Looks only at series that are measured in percent of a capacity: cost and traffic often come back. A level that was
    taken back is two shifts.

    Source: level shifts as in Chen & Liu (1993), Joint estimation of model parameters and outlier effects in time series,
    found by comparing neighbouring windows of several lengths instead of by a model.
    """
    answer = np.ones(panel.values.shape)
    rows = np.flatnonzero(np.isfinite(panel.upper))
    if panel.periods < 2 * _WINDOWS[0] or not len(rows):
        return answer
    logs = _logs(panel.take(rows))
    total = np.zeros(logs.shape)
    days, shifts = np.full((_MOST, len(rows)), -panel.periods), np.zeros((_MOST, len(rows)))
    searched = np.arange(len(rows))
    for turn in range(_MOST):
        day, shift = _clearest_shift(logs[searched] + total[searched])
        # Two within a week are one that was not met exactly.
        new = (shift != 0) & (np.abs(days[:, searched] - day) >= _LEAST_DAYS).all(axis=0)
        searched, day, shift = searched[new], day[new], shift[new]
        if not len(searched):
            break
        days[turn, searched], shifts[turn, searched] = day, shift
        total[searched] += np.where(np.arange(panel.periods) < day[:, None], shift[:, None], 0.0)
    cycle = np.maximum((shifts > 0).sum(axis=0), (shifts < 0).sum(axis=0)) >= _CYCLE
    total[cycle] = 0.0
    answer[rows] = np.exp(total)
    return answer


def _logs(panel: Panel) -> Floats:
    """Logarithms without the week and the calendar, NaN where a day says nothing about the level."""
    _, group = np.unique(np.stack([segments(panel.metric), panel.end.astype(np.int64)]), axis=1, return_inverse=True)
    logs = np.full(panel.values.shape, np.nan)
    for number in np.unique(group):
        rows = np.flatnonzero(group == number)
        values, when = panel.values[rows], panel.take(rows[:1]).timestamps()
        seen = (values > 0) & ~(calendars.us_holiday(when) | calendars.year_end_lull(when))
        found = np.where(seen, np.log(np.where(seen, values, 1.0)), np.nan)
        apart = _from_own_level(found)
        for weekday in range(SEASON["day"]):
            found[:, weekday :: SEASON["day"]] -= _median(apart[:, weekday :: SEASON["day"]])
        logs[rows] = found - _in_common(found)
    return logs


def _in_common(logs: Floats) -> Floats:
    """(T,) what most of the series do on a day and not on the days around it; 0 where too few are known."""
    many = (~np.isnan(logs)).sum(axis=0) >= _MANY
    if not many.any():
        return np.zeros(logs.shape[1])
    middle = np.where(many, _median((logs - _median(logs)).T)[:, 0], np.nan)
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(middle, _FORTNIGHT, constant_values=np.nan), 2 * _FORTNIGHT + 1, axis=0
    )
    # A median keeps the edge of what stays, so that a shift of half the fleet is not printed on the other half.
    return np.where(many, middle - _median(around)[:, 0], 0.0)


def _from_own_level(logs: Floats) -> Floats:
    """How far each day lies above the days around it."""
    days = np.arange(logs.shape[1])
    count, total = _running_sums(logs)
    first, last = np.maximum(days - _AROUND, 0), np.minimum(days + _AROUND + 1, logs.shape[1])
    apart: Floats = logs - _between(total, first, last) / np.maximum(_between(count, first, last), 1.0)
    return apart


def _clearest_shift(logs: Floats) -> tuple[Whole, Floats]:
    """The day (n,) from which each series has another level, and by how much (n,); 0 where no such day stands out."""
    n, periods = logs.shape
    rows = np.arange(n)
    seen = ~np.isnan(logs)
    count, total = _running_sums(logs)
    # From day to day, so that neither trend nor shifts are taken for noise.
    noise = _median(np.abs(np.diff(logs, axis=1))) / 0.6745 / np.sqrt(2)
    found_day, found_shift, clearest = np.zeros(n, dtype=np.int64), np.zeros(n), np.full(n, _CLEAR)
    habit: _Habit | None = None
    for window in _WINDOWS:
        if periods < window + _LEAST_DAYS:
            break
        day = np.arange(window, periods - _LEAST_DAYS + 1)
        # Whole weeks, so that no weekend counts twice.
        end = np.minimum(day + window, day + (periods - day) // SEASON["day"] * SEASON["day"])
        (before, days_before), (after, days_after) = _means(count, total, day - window, day), _means(count, total, day, end)
        apart = (end - day + window) / 2
        difference = after - before
        error = np.sqrt(1 / np.maximum(days_before, 1.0) + 1 / np.maximum(days_after, 1.0))
        # A window that is too long to tell is judged by the habit that the next shorter one told.
        if habit is None or periods >= _HELD * window:
            habit = _habit(difference, error, apart)
        difference = np.nan_to_num(difference - habit.growth * apart)
        score = np.abs(difference) / np.maximum(np.maximum(noise, habit.wander) * error, 1e-9)
        best = score.argmax(axis=1)
        shift, middle = difference[rows, best], ((before + after) / 2)[rows, best]
        split = (day[best] - window, day[best], end[best])
        usual = ndtr(np.abs(shift) / 2 / np.maximum(noise[:, 0], 1e-9)) - 0.5
        clear = (
            (score[rows, best] > clearest)
            & (np.abs(shift) > _SHIFT)
            & (_apart((logs - middle[:, None]) * np.sign(shift)[:, None], seen, *split) >= 0.5 + _APART * usual)
        )
        clearest = np.where(clear, score[rows, best], clearest)
        found_day, found_shift = np.where(clear, day[best], found_day), np.where(clear, shift, found_shift)
    return found_day, found_shift


class _Habit(NamedTuple):
    """How the level of each series moves all the time, which is no shift.

    Attributes:
        growth: (n, 1) by which it grows a day: what grows is higher behind any day than before it.
        wander: (n, 1) standard deviation of a day that would explain how much windows differ; a level that wanders differs
            between windows by more than the noise of its days.
    """

    growth: Floats
    wander: Floats


def _habit(difference: Floats, error: Floats, apart: Floats) -> _Habit:
    """The habit that the windows of one length tell.

    Args:
        difference: (n, days) mean after each day less mean before it.
        error: (n, days) standard error of that difference for days with a standard deviation of 1.
        apart: (days,) between the middles of the two windows.
    """
    growth = _median(difference / apart)
    return _Habit(growth, _median(np.abs(difference - growth * apart)) / 0.6745 / np.maximum(_median(error), 1e-9))


def _means(count: Floats, total: Floats, first: Whole, last: Whole) -> tuple[Floats, Floats]:
    """Mean of the days from `first` to before `last`, NaN where too few are known, and how many are."""
    days = _between(count, first, last)
    return np.where(days >= 0.6 * (last - first), _between(total, first, last) / np.maximum(days, 1.0), np.nan), days


def _between(running: Floats, first: Whole, last: Whole) -> Floats:
    """Sum of the days from `first` to before `last`."""
    # Many times faster than indexing.
    return np.take(running, last, axis=1) - np.take(running, first, axis=1)


def _apart(beyond: Floats, seen: Flags, first: Whole, day: Whole, end: Whole) -> Floats:
    """(n,) share of the days that lie on their side of the middle, on the side of the shift where it is less."""
    place = np.arange(beyond.shape[1])
    after = seen & (place >= day[:, None]) & (place < end[:, None])
    before = seen & (place >= first[:, None]) & (place < day[:, None])
    return np.minimum(_share(beyond > 0, after), _share(beyond < 0, before))


def _share(true: Flags, among: Flags) -> Floats:
    share: Floats = (true & among).sum(axis=1) / np.maximum(among.sum(axis=1), 1)
    return share


def _running_sums(logs: Floats) -> tuple[Floats, Floats]:
    """(n, T + 1) how many days were known before each, and their sum."""
    seen = ~np.isnan(logs)
    count, total = np.cumsum(seen, axis=1, dtype=np.float64), np.cumsum(np.where(seen, logs, 0.0), axis=1)
    return np.pad(count, ((0, 0), (1, 0))), np.pad(total, ((0, 0), (1, 0)))


def _median(values: Floats) -> Floats:
    """(n, 1) median of each row's known values; 0 for a row without any."""
    known = np.sort(values, axis=1)
    middle = (np.count_nonzero(~np.isnan(known), axis=1)[:, None] - 1) // 2
    return np.nan_to_num(np.take_along_axis(known, np.maximum(middle, 0), axis=1))
