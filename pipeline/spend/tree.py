"""The nodes above a service of an account, of all teams and of each, and sums that add up on each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats
from pipeline.spend.schedule import Days
from pipeline.tables.columns import ALL, DAY, MONTH, QUARTER

#: Means are whole millionths of the currency, so that those of parts are those of the sum.
UNIT = 1_000_000
Millionths: TypeAlias = npt.NDArray[np.int64]


class Node(NamedTuple):
    """Whose cost it is; `all` stands for every one."""

    provider: str
    account: str
    service: str
    team: str = ALL

    @property
    def level(self) -> str:
        """A word of `COST_LEVELS`."""
        words = [word for word in ("account", "service", "team") if getattr(self, word) != ALL]
        if self.provider != ALL and self.account == self.service == ALL:
            words.insert(0, "provider")
        return f"by_{'_'.join(words)}" if words else "total"

    def above(self) -> tuple[Node, ...]:
        """The nodes of all teams, or of one, that a service of an account adds to, itself not among them."""
        provider, account, service, team = self
        return (
            Node(ALL, ALL, ALL, team),
            Node(provider, ALL, ALL, team),
            Node(provider, account, ALL, team),
            Node(provider, ALL, service, team),
        )


@dataclass(frozen=True)
class Period:
    """A day, month or quarter that is published, half-open."""

    granularity: str
    start: np.datetime64
    end: np.datetime64

    @property
    def ts(self) -> datetime:
        moment: datetime = self.start.astype("datetime64[us]").item()
        return moment


def periods(through: np.datetime64, as_of: np.datetime64, days: int, months: int) -> list[Period]:
    """The days after `through` to `days` after `as_of`, the running month and those after it, the running quarter.

    A period runs that the day before `as_of` lies in.
    """
    daily = np.arange(through + 1, as_of + days)
    running = (as_of - 1).astype("datetime64[M]")
    quarter = running - running.astype(np.int64) % 3
    found = [Period(DAY, day, day + 1) for day in daily]
    found += [_months(MONTH, running + number, 1) for number in range(months)]
    return [*found, _months(QUARTER, quarter, 3)]


def _months(granularity: str, first: np.datetime64, number: int) -> Period:
    return Period(granularity, first.astype("datetime64[D]"), (first + number).astype("datetime64[D]"))


@dataclass
class Sum:
    """What is ahead of one node, by period: paths that are added up, and means in millionths."""

    paths: Floats
    means: Millionths
    models: set[str] = field(default_factory=set)

    def add(self, other: Sum) -> None:
        self.paths += other.paths
        self.means += other.means
        self.models |= other.models


def round_means(days: Floats) -> Millionths:
    """(D,) means of paths (D, PATHS), in millionths."""
    return np.asarray(np.rint(days.mean(axis=1) * UNIT).astype(np.int64))


def round_parts(parts: Sequence[Floats], whole: Millionths) -> list[Millionths]:
    """The means of parts, in millionths, that add up to those of the whole on every day: what rounding moves goes to the next.

    Args:
        parts: (D, PATHS) each; at least one.
        whole: (D,) of `round_means` of their sum.
    """
    edges = np.rint(np.cumsum([part.mean(axis=1) * UNIT for part in parts], axis=0)).astype(np.int64)
    edges[-1] = whole
    return list(np.diff(edges, axis=0, prepend=0))


def in_periods(days: Floats, means: Millionths, ahead: Days, among: list[Period], model: str) -> Sum:
    """A node's days ahead as a Sum: paths (periods, PATHS), means rounded by the day so that days add up to months.

    Args:
        days: (D, PATHS).
        means: (D,) in millionths.
        ahead: (D,) which days.
        among: the periods.
        model: what said so.
    """
    bounds = [np.searchsorted(ahead, [period.start, period.end]) for period in among]
    whole = np.concatenate([np.zeros((1, days.shape[1])), np.cumsum(days, axis=0)])
    rounded = np.concatenate([[0], np.cumsum(means)])
    first, last = (np.array([bound[side] for bound in bounds]) for side in (0, 1))
    return Sum(whole[last] - whole[first], rounded[last] - rounded[first], {model})


class Billed(NamedTuple):
    """What one node was charged in one month, exactly."""

    node: Node
    kind: str
    month: np.datetime64
    amount: Decimal


def add_billed(charges: list[Billed], among: list[Period]) -> dict[tuple[Node, str], list[Decimal]]:
    """What is billed already of each month and quarter, of every node and kind and of all kinds; days ahead have nothing."""
    found: dict[tuple[Node, str], list[Decimal]] = {}
    holding: dict[np.datetime64, list[int]] = {}
    for number, period in enumerate(among):
        if period.granularity != DAY:
            for month in np.arange(period.start, period.end, dtype="datetime64[M]"):
                holding.setdefault(month, []).append(number)
    for node, kind, month, amount in charges:
        for key in _keys(node, kind) if month in holding else ():
            row = found.setdefault(key, [Decimal(0)] * len(among))
            for number in holding[month]:
                row[number] += amount
    return found


def add_up(sums: dict[tuple[Node, str], Sum], node: Node, kind: str, part: Sum) -> None:
    """Add what is ahead of a bottom node, of one kind, to every node above it, and there to all kinds."""
    for above in node.above():
        for key in ((above, kind), (above, ALL)):
            if key in sums:
                sums[key].add(part)
            else:
                sums[key] = Sum(part.paths.copy(), part.means.copy(), set(part.models))


def _keys(node: Node, kind: str) -> Iterator[tuple[Node, str]]:
    for each in (node, *node.above()):
        yield each, kind
        yield each, ALL
