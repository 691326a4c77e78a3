"""What is unusual in a bill: events on the nodes of the hierarchy total → account → service → usage type.

Every node is judged by its own days (`cost_level`), so that two movements that hide each other in a total are found below it. An
event belongs to the deepest node that explains most of it. Cost that is charged by the month is lower by the day where a month is
longer: it is judged as if all months were as long.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.cost_level import Bools, Days, Floats, Judged, judge_days
from pipeline.anomalies.cost_planned import Planned

#: The hierarchy below the total, which has none of these.
LEVELS = ("account", "service", "usage_type")
#: Share of an event that one node below must explain to be its place, and of which what is known below leaves nothing to tell.
EXPLAINED, TOLD = 0.8, 0.5
#: Days between two unusual ones that are one event.
APART = 2
MONTH = 30
#: The least event, as a share of what its node, and the whole bill, usually cost in 30 days.
OF_NODE, OF_BILL = 0.04, 0.0001
_MONTHLY = r"(?i)[-\s]mo(?:n(?:th)?s?)?$"
_DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class Tree:
    """A bill's nodes and their days.

    Attributes:
        days: in a row, (T,).
        nodes: one row per node: account, service and usage_type, empty from its own level down, and of resources the resource_id;
            parents before children.
        parent: its place among the nodes, -1 of the total.
        cost: effective, in the bill's currency, (T, N).
        even: the same as if all months were as long, (T, N).
    """

    days: Days
    nodes: pd.DataFrame
    parent: npt.NDArray[np.int64]
    cost: Floats
    even: Floats

    def level(self, node: int) -> int:
        """0 of the total, 3 of a usage type, 4 of a resource."""
        return sum(1 for name in self.nodes.columns if self.nodes.at[node, name])


@dataclass(frozen=True)
class Event:
    """Days in which a node cost unusually much, or unusually little.

    Attributes:
        node: its place in the tree.
        first, last: places of its days, the last one included.
        expected: what each of its days should have cost, in the bill's currency.
        impact: what it cost beyond that over all its days.
        levels: 0 of the total to 4 of a resource: where it was unusual, and what explains that below.
    """

    node: int
    first: int
    last: int
    expected: tuple[float, ...]
    impact: float
    levels: frozenset[int]


def grow_tree(daily: pd.DataFrame) -> Tree:
    """The nodes of one bill, and their days since the last month of which it says nothing: that is not landed, and not free.

    Args:
        daily: ts (midnight), account, service, usage_type, unit, cost: of usage alone; one row per combination and day, days
            without cost left out.
    """
    months_billed = np.unique(daily["ts"].to_numpy().astype("datetime64[M]"))
    begins = np.append(True, np.diff(months_billed) > np.timedelta64(1, "M"))
    daily = daily[daily["ts"] >= months_billed[begins][-1]]
    days = np.arange(daily["ts"].min(), daily["ts"].max() + np.timedelta64(1, "D"), dtype="datetime64[D]")
    place = (daily["ts"].to_numpy().astype("datetime64[D]") - days[0]).astype(np.int64)
    cost = daily["cost"].to_numpy(dtype=np.float64)
    even = cost * even_factor(days, place, daily["unit"])
    leaves = daily[list(LEVELS)].drop_duplicates().sort_values(list(LEVELS))
    paths = sorted({tuple(row[:depth]) for row in leaves.itertuples(index=False) for depth in range(len(LEVELS) + 1)})
    known = {path: number for number, path in enumerate(paths)}
    parent = np.array([known[path[:-1]] if path else -1 for path in paths])
    sums = np.zeros((2, len(days), len(paths)))
    rows = list(zip(*(daily[name] for name in LEVELS), strict=True))
    for depth in range(len(LEVELS) + 1):
        column = np.array([known[row[:depth]] for row in rows])
        np.add.at(sums[0], (place, column), cost)
        np.add.at(sums[1], (place, column), even)
    nodes = pd.DataFrame([[*path, *[""] * (len(LEVELS) - len(path))] for path in paths], columns=list(LEVELS))
    return Tree(days, nodes, parent, sums[0], sums[1])


def even_factor(days: Days, place: npt.NDArray[np.int64], units: pd.Series) -> Floats:
    """What makes of the cost of each row what it would be if all months were as long.

    Args:
        days: in a row, (T,).
        place: of each row among the days, (R,).
        units: of each row, (R,).
    """
    months = days.astype("datetime64[M]")
    long = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) / _DAYS_PER_MONTH
    monthly = units.str.contains(_MONTHLY).to_numpy(dtype=bool)
    return np.where(monthly, long[place], 1.0)


def find_events(tree: Tree, planned: Iterable[Planned], quiet: Bools) -> list[Event]:
    """The events of a bill, in the order of their nodes and days.

    Args:
        quiet: holidays, (T,).
    """
    judged, expected = judge_nodes(tree, planned, quiet)
    beyond = tree.cost - expected
    found: dict[int, list[Event]] = {}
    for node in sorted(range(len(tree.nodes)), key=tree.level, reverse=True):
        for first, last in find_runs(judged, node):
            _place(tree, node, (first, last), expected, beyond, found)
    events = [event for same in found.values() for event in same]
    return sorted((each for each in events if counts(tree, each)), key=lambda each: (each.node, each.first))


def judge_nodes(tree: Tree, planned: Iterable[Planned], quiet: Bools) -> tuple[Judged, Floats]:
    """What is unusual of each node and day, and what it should have cost in the bill's currency, (T, N)."""
    judged = judge_days(tree.days, tree.even, mask_planned(tree, planned), quiet)
    return judged, judged.expected * np.divide(tree.cost, tree.even, out=np.ones_like(tree.cost), where=tree.even != 0)


def mask_planned(tree: Tree, planned: Iterable[Planned]) -> Bools:
    """Where something was announced, (T, N): at the usage types that a plan names, and at what they are part of."""
    mask, rows = np.zeros(tree.cost.shape, dtype=bool), tree.nodes.to_dict("records")
    for plan in planned:
        span = (tree.days >= np.datetime64(plan.start)) & (tree.days <= np.datetime64(plan.end))
        meant = np.array([row["usage_type"] != "" and is_meant(plan, row) for row in rows])
        for node in np.flatnonzero(tree.parent >= 0)[::-1]:
            meant[tree.parent[node]] |= meant[node]
        mask |= span[:, None] & meant[None, :]
    return mask


def is_meant(plan: Planned, usage: Mapping[Hashable, str]) -> bool:
    """Whether a plan names the account, service and usage_type of a usage."""
    return all(fnmatchcase(usage[name], getattr(plan, name)) for name in LEVELS)


def find_runs(judged: Judged, node: int) -> list[tuple[int, int]]:
    """The stretches of days in which a node was unusual in one direction, and nothing was planned."""
    direction = np.where(judged.planned[:, node], 0, judged.direction[:, node])
    found: list[tuple[int, int]] = []
    for day in np.flatnonzero(direction):
        if found and day - found[-1][1] <= APART and direction[day] == direction[found[-1][1]]:
            found[-1] = (found[-1][0], int(day))
        else:
            found.append((int(day), int(day)))
    return found


def _place(tree: Tree, node: int, days: tuple[int, int], expected: Floats, beyond: Floats, found: dict[int, list[Event]]) -> None:
    """Put what a node saw where it belongs: at the deepest node that explains it, or to what is known there."""
    span = slice(days[0], days[1] + 1)
    impact = beyond[span, node].sum()
    place, levels = node, {tree.level(node)}
    while True:
        children = np.flatnonzero(tree.parent == place)
        shares = beyond[span][:, children].sum(axis=0) / impact if impact else np.zeros(len(children))
        if not len(children) or shares.max() < EXPLAINED:
            break
        place = int(children[shares.argmax()])
        levels.add(tree.level(place))
    known = [each for each in found.get(place, []) if touch(each, days) and each.impact * impact > 0]
    if known:
        levels = levels.union(*(each.levels for each in known))
        days = min(days[0], *(each.first for each in known)), max(days[1], *(each.last for each in known))
        found[place] = [each for each in found[place] if each not in known]
    elif place == node and _told(tree, node, days, impact, found):
        return
    span = slice(days[0], days[1] + 1)
    event = Event(place, *days, tuple(expected[span, place].tolist()), float(beyond[span, place].sum()), frozenset(levels))
    found.setdefault(place, []).append(event)


def touch(event: Event, days: tuple[int, int]) -> bool:
    """Whether an event is about some days, or is no further from them than days of one event are from each other."""
    return event.first <= days[1] + APART and event.last >= days[0] - APART


def _told(tree: Tree, node: int, days: tuple[int, int], impact: float, found: dict[int, list[Event]]) -> bool:
    """Whether the events below a node leave little of what it saw; they are seen there as well."""
    below = [event for place, events in found.items() if _is_below(tree, place, node) for event in events if touch(event, days)]
    told = sum(event.impact for event in below)
    if not below or abs(impact - told) >= TOLD * abs(impact):
        return False
    for event in below:
        same = found[event.node]
        same[same.index(event)] = replace(event, levels=event.levels | {tree.level(node)})
    return True


def _is_below(tree: Tree, place: int, node: int) -> bool:
    while place != -1 and place != node:
        place = int(tree.parent[place])
    return place == node


def counts(tree: Tree, event: Event) -> bool:
    """Whether an event is large enough for its node and for the bill."""
    of_bill = usual_month(tree, replace(event, node=0))
    return abs(event.impact) >= max(OF_NODE * usual_month(tree, event), OF_BILL * of_bill)


def usual_month(tree: Tree, event: Event) -> float:
    """What an event's node cost in the 30 days before it."""
    before = tree.cost[max(event.first - MONTH, 0) : event.first, event.node]
    return float(np.median(before) * MONTH)


def days_of(tree: Tree, event: Event) -> list[tuple[date, float, float]]:
    """Each day of an event: what it cost, and what it should have."""
    first: date = tree.days[event.first].item()
    cost = tree.cost[event.first : event.last + 1, event.node]
    return [
        (first + timedelta(days=number), float(actual), expected)
        for number, (actual, expected) in enumerate(zip(cost, event.expected, strict=True))
    ]
