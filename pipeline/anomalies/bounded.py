"""One rule for all series on a bounded state: 4 KB a series, each sample once, whatever lies between two runs.

The rule of the detector `default`, each part of which is kept in so many numbers: the usual value of an hour by medians of hours,
the scales by daily sums and by geometric means that fade, and what is known by spans of values.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import SIGMA_PER_MEAN_DISTANCE
from pipeline.anomalies.spans import Floats, Hours, add, find, forget, usual_range
from pipeline.compiled import compiled

Numbers = npt.NDArray[np.float64]

HISTORY_DAYS = 26
"""Days whose hourly medians are kept."""

_SPANS = 32
_SLOTS = 12
_SCALE_DAYS = 28
_HOUR_US = 3_600_000_000
_PROBATION_HOURS, _PROBATION_ROWS = 24.0, 24.0
# Of a normal distribution; the geometric mean of distances stands for their median, and needs no memory of them.
_SIGMA_PER_GEOMETRIC_DISTANCE = 1.887
# A lone sample must be far by the threshold, three in a row by less; both larger than three usual steps, and somewhat new.
_BUMP_RATIO, _USUAL_STEPS = 5.5 / 7, 3.0
_LITTLE_NEW, _VERY_NEW, _HARDLY_FAR = 0.15, 1.5, 1.0
# Novelty that counts: as a share of the usual range, and as a multiple of the mean novelty of the last weeks.
_NEW_RANGE, _NEW_RATIO, _SAME_RANGE = 0.07, 6.0, 0.002
# Nothing fades in the first four weeks; novelty does, for at first everything is new.
_NOVELTY_HALF_DAYS, _HALF_DAYS = 14.0, 19.4

_FIRST, _CLOCK, _HOUR, _SEEN, _PER_HOUR, _LAST, _LAST_BUT_ONE, _STEP, _STEPS = range(9)
_SPAN_COUNT, _RANGE, _NOVELTY, _NOVELTIES = 9, 11, 13, 15
_PLAIN = 17
#: Where `State.plain` has the hour of the last sample, since 1970 (-1 before the first), and the number of samples.
HOUR, SEEN = _HOUR, _SEEN


class State(NamedTuple):
    """What is kept of one series.

    Attributes:
        plain: single numbers: first and last moment, hour, samples, their number in an hour, the last two deviations, usual
            steps; of values and of their distances from the time of day: spans in use, usual range, sum and number of novelties.
        hours: (24 · HISTORY_DAYS,) median of each hour, by the hour since 1970 modulo the length.
        slots: (12,) first sample of each five minutes of the current hour.
        edges, weight, seen: known spans of values, and of their distances from the usual of the time of day; see `spans`.
        near: (24, 2) sum of the logarithms of distances in an hour of the day, and their number.
        far: (28, 2) sum of the distances of a day, and their number.
    """

    plain: Numbers
    hours: Floats
    slots: Floats
    edges: Floats
    weight: Floats
    seen: Hours
    near: Floats
    far: Floats

    def copy(self) -> State:
        return State._make(each.copy() for each in self)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(each.nbytes for each in self)


class Judged(NamedTuple):
    """What the rule says of each sample.

    Attributes:
        excess: of the threshold; 0 where it does not judge.
        expected: what is usual; NaN where nothing is yet.
        scale: the robust deviation from it that is usual.
    """

    excess: Numbers
    expected: Numbers
    scale: Numbers


def begin() -> State:
    """The state of a series of which nothing is known."""
    plain = np.zeros(_PLAIN)
    plain[[_FIRST, _CLOCK, _HOUR]] = -1
    plain[_RANGE : _RANGE + 2] = np.nan
    return State(
        plain,
        np.full(24 * HISTORY_DAYS, np.nan, np.float32),
        np.full(_SLOTS, np.nan, np.float32),
        np.zeros((2, _SPANS + 1, 2), np.float32),
        np.zeros((2, _SPANS + 1), np.float32),
        np.zeros((2, _SPANS + 1), np.uint16),
        np.zeros((24, 2), np.float32),
        np.zeros((_SCALE_DAYS, 2), np.float32),
    )


def judge_next(state: State, ts: npt.NDArray[np.datetime64], values: Numbers, alert_deviations: float) -> tuple[Judged, State]:
    """Judge the samples that come next; the state is left as it is.

    Args:
        state: after the samples before.
        ts: one timestamp per row, none missing; what is older than the newest before it counts as arriving with that.
        values: NaN and infinities are missing.
        alert_deviations: robust deviations that are an alert.

    Returns:
        What is said of each row, and the state after them: the same in one pass as in any cuts.
    """
    after, unknown = state.copy(), np.full(len(values), np.nan)
    judged = Judged(np.zeros(len(values)), unknown, unknown.copy())
    moments = np.asarray(ts).astype("datetime64[us]").astype(np.int64)
    _judge_each(after, moments, np.asarray(values, np.float64), float(alert_deviations), judged)
    return judged, after


@compiled
def _judge_each(state: State, moments: npt.NDArray[np.int64], values: Numbers, threshold: float, judged: Judged) -> None:
    """Each sample in turn: what is usual, how far and how new it is, and then what is learned of it."""
    plain, slots = state.plain, state.slots
    same_hour, same_time, older, older_count = _usual(state)
    for row in range(len(values)):
        moment, value = max(float(moments[row]), plain[_CLOCK]), values[row]
        hour = int(moment // _HOUR_US)
        if plain[_FIRST] < 0:
            plain[_FIRST] = moment
        plain[_CLOCK] = moment
        if hour != plain[_HOUR]:
            _begin_hour(state, hour)
            same_hour, same_time, older, older_count = _usual(state)
        if not np.isfinite(value):
            continue
        early = moment - plain[_FIRST] < _PROBATION_HOURS * _HOUR_US or plain[_SEEN] < _PROBATION_ROWS
        plain[_SEEN] += 1
        now = _median_if_some(slots)
        usual, today, of_day = _median_with(same_hour, now), state.far[hour // 24 % _SCALE_DAYS], state.near[hour % 24]
        floor = 1e-2 * abs(usual) + 1e-9 if usual == usual else 1e-9
        distance, spread, deviation = 0.0, np.nan, 0.0
        if usual == usual:
            distance, spread = abs(value - usual), floor
            if of_day[1] >= 3:
                spread = max(spread, _SIGMA_PER_GEOMETRIC_DISTANCE * np.exp(of_day[0] / of_day[1]))
            if older_count + today[1] >= 8:
                spread = max(spread, SIGMA_PER_MEAN_DISTANCE * (older + today[0]) / (older_count + today[1]))
                deviation = (value - usual) / spread
        new = _novelty(state, value, _median_with(same_time, now), floor)
        judged.expected[row], judged.scale[row] = usual, spread
        if not early:
            lone = distance / spread if usual == usual else 0.0
            judged.excess[row] = _excess(plain, lone, deviation, distance, new, threshold)
        if usual == usual:
            plain[_LAST_BUT_ONE], plain[_LAST] = plain[_LAST], deviation
            today[0] += distance
            today[1] += 1
            of_day[0] += np.log(max(distance, 0.1 * floor))
            of_day[1] += 1
            if distance > 2 * floor:
                plain[_STEP] += np.log(distance)
                plain[_STEPS] += 1
        slot = int(moment % _HOUR_US // (_HOUR_US // _SLOTS))
        if slots[slot] != slots[slot]:
            slots[slot] = value


@compiled
def _excess(plain: Numbers, lone: float, deviation: float, distance: float, new: float, threshold: float) -> float:
    """The smallest excess of the conditions that must all hold; what is very new needs to be hardly far."""
    one, two = plain[_LAST], plain[_LAST_BUT_ONE]
    bump = abs(deviation + one + two - max(deviation, one, two) - min(deviation, one, two))
    unusual = max(lone / threshold, bump / (_BUMP_RATIO * threshold))
    if plain[_STEPS] > 1:
        unusual = min(unusual, distance / (_USUAL_STEPS * np.exp(plain[_STEP] / plain[_STEPS])))
    return float(max(min(unusual, new / _LITTLE_NEW), min(new / _VERY_NEW, lone / _HARDLY_FAR)))


@compiled
def _novelty(state: State, value: float, usual: float, floor: float) -> float:
    """How new a value is, or its distance from the usual of the time of day, in what is new enough; then it is known."""
    plain, edges, weight, seen = state.plain, state.edges, state.weight, state.seen
    hour = int(plain[_HOUR])
    newest = 0.0
    for kind in range(2):
        level = value if kind == 0 else value - usual
        if level != level:
            continue
        count = int(plain[_SPAN_COUNT + kind])
        at, nearest, distance = find(edges[kind], count, level)
        usually = max(plain[_RANGE + kind], floor) if plain[_RANGE + kind] == plain[_RANGE + kind] else floor
        if nearest >= 0:
            enough, novelties = _NEW_RANGE, plain[_NOVELTIES + kind]
            if novelties > 3:
                enough = max(enough, _NEW_RATIO * plain[_NOVELTY + kind] / novelties)
            newest = max(newest, distance / usually / enough)
            plain[_NOVELTY + kind] += min(distance / usually, 1.0)
            plain[_NOVELTIES + kind] += 1
        if nearest >= 0 and distance <= _SAME_RANGE * usually:
            seen[kind, nearest] = hour % 65_536
            weight[kind, nearest] += 1
        else:
            plain[_SPAN_COUNT + kind] = add(edges[kind], weight[kind], seen[kind], count, at, level, hour)
    return newest


@compiled
def _begin_hour(state: State, hour: int) -> None:
    """Close the hour before, and let fade what fades."""
    plain, hours, slots, edges, weight, seen = state.plain, state.hours, state.slots, state.edges, state.weight, state.seen
    if plain[_HOUR] >= 0:
        before = int(plain[_HOUR])
        gap, length = hour - before, len(hours)
        filled = np.sum(slots == slots)
        hours[before % length] = _median(np.sort(slots[slots == slots]))
        if filled:
            plain[_PER_HOUR] = filled
        for missed in range(before + 1, min(hour, before + length)):
            hours[missed % length] = np.nan
        for day in range(before // 24 + 1, min(hour // 24, before // 24 + _SCALE_DAYS) + 1):
            state.far[day % _SCALE_DAYS] = 0.0
        whole = plain[_CLOCK] - plain[_FIRST] < _SCALE_DAYS * 24.0 * _HOUR_US
        fade = 1.0 if whole else 0.5 ** (gap / (24 * _HALF_DAYS))
        state.near[:] *= np.float32(fade)
        plain[_STEP : _STEPS + 1] *= fade
        plain[_NOVELTY : _NOVELTIES + 2] *= 0.5 ** (gap / (24 * _NOVELTY_HALF_DAYS))
        for kind in range(2):
            count = int(plain[_SPAN_COUNT + kind])
            plain[_SPAN_COUNT + kind] = forget(edges[kind], weight[kind], seen[kind], count, hour, fade)
    plain[_HOUR] = hour
    slots[:] = np.nan
    for kind in range(2):
        usual = usual_range(edges[kind], weight[kind], int(plain[_SPAN_COUNT + kind]))
        if usual == usual:
            plain[_RANGE + kind] = usual


@compiled
def _usual(state: State) -> tuple[Floats, Floats, float, float]:
    """What is usual in the current hour, from what was closed before it.

    Returns:
        The medians of this hour on earlier days of its kind (working days, weekends; any day where there are too few), those of
        the two hours of the day that it belongs to, each in order; the sum of the distances before today, and their number.
    """
    plain, hours, far = state.plain, state.hours, state.far
    hour, length = int(plain[_HOUR]), len(hours)
    # As many as make up three samples.
    needed = 3 if plain[_PER_HOUR] < 2 else 2 if plain[_PER_HOUR] < 3 else 1
    any_day, alike, pair = np.full(length // 24, np.nan, np.float32), np.full(length // 24, np.nan, np.float32), hour // 2 * 2
    same_time = np.full(2 * (length // 24), np.nan, np.float32)
    for back in range(length // 24):
        for place in range(2):
            other = pair + place - 24 * back
            if hour - length < other < hour:
                same_time[2 * back + place] = hours[other % length]
        if back:
            any_day[back] = hours[(hour - 24 * back) % length]
            if ((hour // 24 - back + 3) % 7 >= 5) == ((hour // 24 + 3) % 7 >= 5):
                alike[back] = any_day[back]
    same_hour = alike if np.sum(alike == alike) >= needed else any_day
    if np.sum(same_hour == same_hour) < needed:
        same_hour = same_hour[:0]
    if np.sum(same_time == same_time) < needed:
        same_time = same_time[:0]
    older, older_count = 0.0, 0.0
    for day in range(_SCALE_DAYS):
        if day != hour // 24 % _SCALE_DAYS:
            older += far[day, 0]
            older_count += far[day, 1]
    return np.sort(same_hour[same_hour == same_hour]), np.sort(same_time[same_time == same_time]), older, older_count


@compiled
def _median(ordered: Floats) -> float:
    """Of values in order; NaN of none."""
    count = len(ordered)
    if count == 0:
        return np.nan
    return float(ordered[count // 2]) if count % 2 else 0.5 * (ordered[count // 2 - 1] + ordered[count // 2])


@compiled
def _median_if_some(slots: Floats) -> float:
    """Of the samples of the current hour; NaN of fewer than three."""
    known = slots[slots == slots]
    return _median(np.sort(known)) if len(known) >= 3 else np.nan


@compiled
def _median_with(ordered: Floats, one: float) -> float:
    """The median of values in order and one more; without that one where it is NaN."""
    count = len(ordered)
    if count == 0:
        return one
    if one != one:
        return _median(ordered)
    if count % 2 == 0:
        return min(max(one, float(ordered[count // 2 - 1])), float(ordered[count // 2]))
    middle = float(ordered[count // 2])
    if count == 1:
        return 0.5 * (middle + one)
    beside = max(one, float(ordered[count // 2 - 1])) if one <= middle else min(one, float(ordered[count // 2 + 1]))
    return 0.5 * (middle + beside)
