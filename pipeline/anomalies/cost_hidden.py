"""Resources of one usage type that move against each other, so that the usage type hides what each of them does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.anomalies.cost import (
    LEVELS,
    TOLD,
    Event,
    Tree,
    counts,
    even_factor,
    find_runs,
    judge_nodes,
    touch,
    usual_month,
)
from pipeline.anomalies.cost_level import Bools
from pipeline.anomalies.cost_planned import Planned

#: Of a resource among the levels of an event.
RESOURCE = len(LEVELS) + 1


def plant_resources(tree: Tree, daily: pd.DataFrame) -> Tree:
    """The resources of a bill by the days of its tree, each a node that is part of no other.

    Args:
        tree: of the bill.
        daily: ts (midnight), account, service, usage_type, resource_id, unit, cost; one row per combination and day, days without
            cost left out.
    """
    names = [*LEVELS, "resource_id"]
    daily = daily[(daily["ts"] >= pd.Timestamp(tree.days[0])) & (daily["ts"] <= pd.Timestamp(tree.days[-1]))]
    nodes = daily[names].drop_duplicates().sort_values(names).reset_index(drop=True)
    column = daily[names].merge(nodes.reset_index(), on=names, how="left")["index"].to_numpy()
    place = (daily["ts"].to_numpy().astype("datetime64[D]") - tree.days[0]).astype(np.int64)
    cost = daily["cost"].to_numpy(dtype=np.float64)
    sums = np.zeros((2, len(tree.days), len(nodes)))
    np.add.at(sums[0], (place, column), cost)
    np.add.at(sums[1], (place, column), cost * even_factor(tree.days, place, daily["unit"]))
    return Tree(tree.days, nodes, np.full(len(nodes), -1), sums[0], sums[1])


def find_hidden(tree: Tree, resources: Tree, events: Sequence[Event], planned: Iterable[Planned], quiet: Bools) -> list[Event]:
    """The events of resources that others of the same usage type take back by half and more.

    A resource is judged by its own days, as a node of the tree is. One that has no cost in the weeks before is left out, so that
    machines that follow each other hide nothing; so is what events of the usage type tell already in half of its days.

    Args:
        tree: of the bill.
        resources: see `plant_resources`.
        events: of the tree.
        planned: what was announced.
        quiet: holidays, (T,).

    Returns:
        Events whose node is a place among `resources`, in the order of these and of days.
    """
    if not len(resources.nodes):
        return []
    judged, expected = judge_nodes(resources, planned, quiet)
    beyond = resources.cost - expected
    nodes = {words: place for place, words in enumerate(tree.nodes[list(LEVELS)].itertuples(index=False, name=None))}
    parts: dict[int, list[int]] = defaultdict(list)
    for place, words in enumerate(resources.nodes[list(LEVELS)].itertuples(index=False, name=None)):
        parts[nodes[words]].append(place)
    found: list[Event] = []
    for node, members in parts.items():
        told = [each for each in events if each.node == node]
        moved = [
            Event(place, first, last, tuple(expected[first : last + 1, place]), float(impact), frozenset({RESOURCE}))
            for place in members
            for first, last in find_runs(judged, place)
            if (impact := beyond[first : last + 1, place].sum())
        ]
        known = [each for each in moved if usual_month(resources, each) > 0]
        counted = [each for each in known if counts(tree, replace(each, node=node))]
        found += [each for each in counted if _is_hidden(each, known, beyond) and not _is_told(each, told)]
    return sorted(found, key=lambda each: (each.node, each.first))


def _is_hidden(event: Event, others: list[Event], beyond: npt.NDArray[np.float64]) -> bool:
    """Whether others take back half of it and more in its days."""
    span = slice(event.first, event.last + 1)
    against = {each.node for each in others if each.impact * event.impact < 0 and touch(each, (event.first, event.last))}
    return bool(-np.sign(event.impact) * beyond[span, sorted(against)].sum() >= TOLD * abs(event.impact))


def _is_told(event: Event, events: list[Event]) -> bool:
    """Whether its usage type tells of the same in half of its days and more: of fewer, what hides it came later."""
    same = [each for each in events if each.impact * event.impact > 0]
    days = sum(max(min(each.last, event.last) - max(each.first, event.first) + 1, 0) for each in same)
    return 2 * days > event.last - event.first
