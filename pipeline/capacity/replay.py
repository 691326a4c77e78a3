"""What each sizing rule would have saved on machines whose hours are known, and which hours it would have been too small in.

From each cutoff a rule sees the days before it alone, takes the cheapest size that has what it asks for, and stays with it
for the days after. Nothing larger than the present size is chosen: what is scored is what is saved, and what saving breaks.

A resized machine would have had another course: where the present size cuts demand off it hides what was wanted, and hours
that are saturated already are no breach of a smaller one's making.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.capacity.sizing import RULES, SATURATED_RATIO, Rule, look_at
from pipeline.forecasting.panel import Floats

#: A window is broken where more than this share of its hours is.
BROKEN_RATIO = 0.01
NO_CHANGE, ORACLE = "no change", "oracle"
#: What a need is multiplied by to reach a risk; the last one leaves everything as it is.
MULTIPLIERS: Floats = np.append(np.geomspace(0.2, 5, 65), np.inf)
#: Share of a window's hours that must be observed for it to count, and of those before it.
LEAST_AHEAD, LEAST_SEEN = 0.5, 0.9

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Machine:
    """The observed hours of one machine, oldest first.

    Attributes:
        series_id: its name.
        ts: (h,) the hours' begins.
        p95, peak: by dimension (h,), of the samples in each hour, as shares of the present capacity.
    """

    series_id: str
    ts: npt.NDArray[np.datetime64]
    p95: Mapping[str, Floats]
    peak: Mapping[str, Floats]


@dataclass(frozen=True)
class Ladder:
    """The sizes to choose from, the cheapest first; the last is the present one.

    Attributes:
        names: of the sizes.
        price: (t,) by the hour.
        capacity: by dimension (t,), as multiples of the present size's.
    """

    names: tuple[str, ...]
    price: Floats
    capacity: Mapping[str, Floats]

    @property
    def saving(self) -> Floats:
        """(t,) what a size saves of the present one's price."""
        saved: Floats = 1 - self.price / self.price[-1]
        return saved


@dataclass(frozen=True)
class Replay:
    """What is known of every window.

    Attributes:
        ladder: the sizes.
        series_id, start: (w,) whose window it is, and its first hour.
        hours: (w,) observed hours in it.
        needs: by rule, by dimension (w,), what the rule asks for.
        stated: (w, t) the chance of a breach that is stated for each size.
        broken: (w, t) hours in which demand exceeds the size.
        added: (w, t) those of them that the present size would have served.
        held: (w, t) share of the window's hours before the added ones became a violation; 1 where they did not.
        lookback_days, horizon_days: before and after a cutoff.
    """

    ladder: Ladder
    series_id: npt.NDArray[np.object_]
    start: npt.NDArray[np.datetime64]
    hours: Whole
    needs: Mapping[str, Mapping[str, Floats]]
    stated: Floats
    broken: Whole
    added: Whole
    held: Floats
    lookback_days: int
    horizon_days: int

    @property
    def rules(self) -> tuple[str, ...]:
        """All that is compared; the two at the end bound what is possible."""
        return (*self.needs, NO_CHANGE, ORACLE)

    def choose(self, rule: str, multiplier: float = 1.0) -> Whole:
        """(w,) the size that a rule takes, its need multiplied."""
        last = len(self.ladder.names) - 1
        if rule == NO_CHANGE:
            return np.full(len(self.hours), last)
        if rule == ORACLE:
            fits = ~self.violates
        else:
            fits = np.ones(self.added.shape, dtype=bool)
            for dimension, need in self.needs[rule].items():
                fits &= self.ladder.capacity[dimension] >= multiplier * need[:, None] - 1e-9
        fits[:, last] = True
        chosen: Whole = fits.argmax(axis=1)
        return chosen

    @property
    def violates(self) -> npt.NDArray[np.bool_]:
        """(w, t) whether a size adds breaches in more than 1 % of a window's hours."""
        found: npt.NDArray[np.bool_] = self.added > BROKEN_RATIO * self.hours[:, None]
        return found


def replay(
    machines: Iterable[Machine],
    ladder: Ladder,
    lookback_days: int,
    horizon_days: int,
    rules: Mapping[str, Rule] = RULES,
    cutoff: np.datetime64 | None = None,
) -> Replay:
    """Replay rules over machines, from every cutoff that has enough before and after it; windows do not overlap.

    Args:
        machines: all of the same dimensions, which the ladder has.
        ladder: the sizes.
        lookback_days: what a rule sees, of which nine hours in ten must be observed.
        horizon_days: of a window, of which half the hours must be.
        rules: name → what it asks for.
        cutoff: the only one, a midnight; None for all that each machine has.

    Raises:
        ValueError: no window at all.
    """
    rows = [
        (machine.series_id, *_judge(machine, ladder, seen, ahead, horizon_days, rules))
        for machine in machines
        for seen, ahead in _cut(machine, lookback_days, horizon_days, cutoff)
    ]
    if not rows:
        raise ValueError(f"no window has {lookback_days} days before its cutoff and {horizon_days} after it")
    series_id, start, hours, needs, stated, broken, added, held = zip(*rows, strict=True)
    return Replay(
        ladder,
        np.array(series_id, dtype=object),
        np.array(start),
        np.array(hours),
        {rule: {each: np.array([one[rule][each] for one in needs]) for each in needs[0][rule]} for rule in rules},
        np.array(stated),
        np.array(broken),
        np.array(added),
        np.array(held),
        lookback_days,
        horizon_days,
    )


def _cut(machine: Machine, lookback_days: int, horizon_days: int, only: np.datetime64 | None) -> Iterator[tuple[slice, slice]]:
    """The hours before and after each cutoff."""
    day = np.timedelta64(1, "D")
    for cutoff in _cutoffs(machine, lookback_days, horizon_days) if only is None else (only,):
        edges = (cutoff - lookback_days * day, cutoff, cutoff + horizon_days * day)
        first, middle, last = np.searchsorted(machine.ts, np.array(edges, dtype="datetime64[us]"))
        if middle - first >= LEAST_SEEN * 24 * lookback_days and last - middle >= LEAST_AHEAD * 24 * horizon_days:
            yield slice(int(first), int(middle)), slice(int(middle), int(last))


def _cutoffs(machine: Machine, lookback_days: int, horizon_days: int) -> Iterator[np.datetime64]:
    """Midnights `horizon_days` apart, from the first with all days before it, as long as there are all days after it."""
    day = np.timedelta64(1, "D")
    cutoff = machine.ts[0].astype("datetime64[D]") + lookback_days * day
    if machine.ts[0] > machine.ts[0].astype("datetime64[D]"):
        cutoff += day
    while cutoff + horizon_days * day <= machine.ts[-1] + np.timedelta64(1, "h"):
        yield cutoff
        cutoff += horizon_days * day


def _judge(
    machine: Machine, ladder: Ladder, seen: slice, ahead: slice, horizon_days: int, rules: Mapping[str, Rule]
) -> tuple[np.datetime64, int, dict[str, dict[str, float]], Floats, Whole, Whole, Floats]:
    looked = {
        each: look_at(machine.ts[seen], machine.p95[each][seen], machine.peak[each][seen], horizon_days) for each in machine.p95
    }
    needs = {rule: {each: need(each, looked[each]) for each in looked} for rule, need in rules.items()}
    stated = np.max(
        [[one.future.breach_probability(float(size)) for size in ladder.capacity[each]] for each, one in looked.items()], axis=0
    )
    broken, added = count_breaches({each: machine.p95[each][ahead] for each in looked}, ladder.capacity)
    return machine.ts[ahead][0], len(added), needs, stated, broken.sum(axis=0), added.sum(axis=0), held_share(added)


def count_breaches(demand: Mapping[str, Floats], capacity: Mapping[str, Floats]) -> tuple[Flags, Flags]:
    """In which hours demand exceeds each size, and in which of them the present size would have served it.

    Args:
        demand: by dimension (h,), as shares of the present capacity; NaN where it is not known.
        capacity: by dimension (t,), as multiples of the present one.

    Returns:
        (h, t) each.
    """
    broken: Flags = np.any([demand[each][:, None] > capacity[each] for each in demand], axis=0)
    hidden = np.any([demand[each] >= SATURATED_RATIO for each in demand], axis=0)
    return broken, broken & ~hidden[:, None]


def held_share(added: Flags, tolerated_ratio: float = BROKEN_RATIO) -> Floats:
    """(t,) the share of a window's hours that were over when a change would have been taken back, 1 where it would not.

    Args:
        added: (h, t) the hours that it would have broken, in order.
        tolerated_ratio: it is taken back in the hour that makes them more than this share of all.
    """
    too_many = added.cumsum(axis=0) > tolerated_ratio * len(added)
    held: Floats = np.where(too_many.any(axis=0), too_many.argmax(axis=0) / max(len(added), 1), 1.0)
    return held


def decisions(found: Replay) -> pd.DataFrame:
    """One row per rule and window: series_id, start, rule, size, saving_pct, hours, added_hours, violates, stated."""
    parts, rows = [], np.arange(len(found.hours))
    for rule in found.rules:
        size = found.choose(rule)
        parts.append(
            pd.DataFrame(
                {
                    "series_id": found.series_id,
                    "start": found.start,
                    "rule": rule,
                    "size": np.array(found.ladder.names, dtype=object)[size],
                    "saving_pct": 100 * found.ladder.saving[size],
                    "hours": found.hours,
                    "added_hours": found.added[rows, size],
                    "violates": found.violates[rows, size],
                    "stated": found.stated[rows, size],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
