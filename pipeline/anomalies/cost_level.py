"""What a day of each node of a bill should have cost, and which days are unlike it: causal, robust, aware of weeks and months."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.anomalies.detection import SIGMA_PER_MEDIAN_DISTANCE

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]

WEEK, WEEKS = 7, 8
#: Days that the level is the median of, and after which an unusual one is the usual one.
LEVEL = 28
#: Days without which nothing is expected, and the place of the first day that is judged.
LEAST, FIRST = 28, 35
#: Of the spread, how far a day is unusual, how far so many days in a row are, and how far it still belongs to one that was.
UNUSUAL, STEADY, IN_A_ROW, STILL = 4.5, 3.0, 3, 2.5
#: The least spread, and the least deviation of an unusual day, as shares of the level.
LEAST_SPREAD, LEAST_DEVIATION = 0.02, 0.10
#: Days after what was planned, after which what still goes on is the new level; and how many days back it may have been unusual
#: the last time, to be what began there still.
STAYS, PAUSE = 10, 3
#: Days at a month's edges, which are held to those of the months before as well.
EDGE, MONTHS = 3, 3


class Judged(NamedTuple):
    """Of each day and node, (T, N).

    Attributes:
        expected: what it should have cost.
        direction: 1 where it cost unusually much, -1 where unusually little, else 0.
        planned: whether what is unusual began in days that were planned.
    """

    expected: Floats
    direction: npt.NDArray[np.int8]
    planned: Bools


def judge_days(days: Days, cost: Floats, planned: Bools, quiet: Bools) -> Judged:
    """Judge each day by those before it.

    What is unusual stays out of what is expected later, for `LEVEL` days; then it is the new level. The days after a month's
    beginning and before its end may deviate as they did in months before, and a holiday may cost less.

    Args:
        days: in a row, (T,).
        cost: of each node, (T, N).
        planned: where something was announced, (T, N): what begins there is no anomaly, and what
            still goes on after it is the new level.
        quiet: holidays, (T,).
    """
    shape = cost.shape
    expected, direction, began = cost.copy(), np.zeros(shape, np.int8), np.zeros(shape, bool)
    usual, off, steady = cost.copy(), np.zeros(shape), np.zeros(shape)
    run = np.zeros(shape[1], np.int64)
    before = _same_place(days)
    for day in range(LEAST, shape[0]):
        level, expected[day] = _expect(usual, day)
        spread = np.maximum(_spread(off, day), LEAST_SPREAD * level)
        off[day] = cost[day] - expected[day]
        beyond = _beyond(off, expected, before[day], day)
        if quiet[day]:
            beyond = np.maximum(beyond, 0.0)
        last = direction[day - 1]
        steady[day] = np.sign(beyond) * (np.abs(beyond) > STEADY * spread)
        in_a_row = np.abs(steady[day - IN_A_ROW + 1 : day + 1].sum(axis=0)) == IN_A_ROW
        limit = np.where((last != 0) & (np.sign(beyond) == last), STILL, np.where(in_a_row, STEADY, UNUSUAL))
        far = (np.abs(beyond) > limit * spread) & (np.abs(beyond) > LEAST_DEVIATION * level)
        direction[day] = np.where(far, np.sign(beyond), 0).astype(np.int8)
        run = np.where(far & (direction[day] == last), run + 1, far.astype(np.int64))
        goes_on = (began[day - PAUSE : day] & (direction[day - PAUSE : day] == direction[day])).any(axis=0)
        began[day] = far & np.where(run > 1, began[day - 1], planned[day] | goes_on)
        usual[day] = np.where(far | planned[day], expected[day], cost[day])
        for node in np.flatnonzero(in_a_row & (run == 1)):
            first = day - IN_A_ROW + 1
            direction[first:day, node] = direction[day, node]
            usual[first:day, node] = expected[first:day, node]
        for node in np.flatnonzero(run >= LEVEL):
            first = day - LEVEL + 1
            usual[first : day + 1, node] = cost[first : day + 1, node]
            off[first : day + 1, node] = 0.0
        stays = planned[day - STAYS] & ~planned[day - STAYS + 1 : day + 1].any(axis=0) & began[day]
        for node in np.flatnonzero(stays):
            _move(usual[: day + 1, node], cost[: day + 1, node], int(run[node]))
    return Judged(expected, direction, began)


def _move(usual: Floats, cost: Floats, days: int) -> None:
    """Move all that was usual to the level of the last days, which was announced and stays."""
    before, now = usual[-days:].sum(), cost[-days:].sum()
    if before > 0 and now > 0:
        usual *= now / before


def _expect(usual: Floats, day: int) -> tuple[Floats, Floats]:
    """The level before a day, and what the day's weekday makes of it, of each node."""
    weeks = min(WEEKS, day // WEEK)
    past = usual[day - weeks * WEEK : day].reshape(weeks, WEEK, -1)
    mean = past.mean(axis=1, keepdims=True)
    shape = np.median(np.divide(past, mean, out=np.ones_like(past), where=mean > 0), axis=0)
    recent = past[-(LEVEL // WEEK) :]
    flat = np.divide(recent, shape, out=recent.copy(), where=shape > 0.05)
    level = np.median(flat.reshape(-1, flat.shape[-1]), axis=0)
    usual_day: Floats = level * shape[0]
    return level, usual_day


def _spread(off: Floats, day: int) -> Floats:
    """The usual distance of a day from what was expected, in standard deviations of a normal distribution."""
    known = off[max(LEAST, day - WEEK * WEEKS) : day]
    if day < FIRST:
        return np.full(off.shape[1], np.inf)
    spread: Floats = SIGMA_PER_MEDIAN_DISTANCE * np.median(np.abs(known), axis=0)
    return spread


def _beyond(off: Floats, expected: Floats, before: list[int], day: int) -> Floats:
    """How far a day is off beyond what its place in the month was off in the months before."""
    now: Floats = off[day]
    if not before:
        return now
    ratio = np.divide(off[before], expected[before], out=np.zeros((len(before), off.shape[1])), where=expected[before] > 0)
    usual = np.median(ratio, axis=0) * expected[day]
    beyond: Floats = np.where(
        now > 0, np.maximum(now - np.maximum(usual, 0.0), 0.0), np.minimum(now - np.minimum(usual, 0.0), 0.0)
    )
    return beyond


def _same_place(days: Days) -> list[list[int]]:
    """Of each day at a month's edge, the days at that place of the months before, as far as they are judged."""
    months = days.astype("datetime64[M]")
    from_start = (days - months.astype("datetime64[D]")).astype(np.int64)
    to_end = ((months + 1).astype("datetime64[D]") - days).astype(np.int64)
    found: list[list[int]] = []
    for day, (start, end) in enumerate(zip(from_start, to_end, strict=True)):
        if start >= EDGE and end > EDGE:
            found.append([])
            continue
        known = range(max(LEAST, day - 31 * MONTHS - EDGE), day - 2 * EDGE)
        place, mine = (from_start, start) if start < EDGE else (to_end, end)
        found.append([other for other in known if place[other] == mine])
    return found
