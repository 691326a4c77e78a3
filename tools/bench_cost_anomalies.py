"""`make bench-cost-anomalies`: how well events of made-up bills are found and explained, beside two rules that many use.

python -m tools.bench_cost_anomalies [--tuning]. Ten estates that nothing was tuned on; with `--tuning` the ten others. A true
event is one that was put into a stream of usage and was not announced, whose impact is 5 % and more of what its account, service
and usage type should cost in 30 days. It is found by an event on that node or above it, below the total, that has a day in common
and moves the same way; an event is right where it finds a true one of any size. Announced events and launches are in the calendar
that all rules are given. Then cost is moved between two resources of one usage type, so that this costs what it did: how often
both are found, and how much else is told of resources. Figures, never a verdict.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

from pipeline.anomalies import cost
from pipeline.anomalies.cost import LEVELS, OF_NODE, Event, Tree
from pipeline.anomalies.cost_causes import BEFORE, rank_causes
from pipeline.anomalies.cost_hidden import find_hidden, plant_resources
from pipeline.anomalies.cost_planned import Planned
from pipeline.forecasting import calendars
from pipeline.sources import _bill_charges, _bill_usage, synthetic_bill
from pipeline.sources._bill_estate import ACCOUNTS
from pipeline.steps import cpu_seconds

START, DAYS, SERVERS = date(2024, 1, 1), 425, 40
TUNING, REPORTED = range(100, 110), range(200, 210)
#: The least impact of a true event, as a share of what its node should cost in 30 days.
LEAST = 0.05
#: Movements that are put into an estate at most, how many days they last, and which share of the lesser resource they move.
MOVED, MOVED_DAYS, MOVED_SHARE = 6, (3, 15), (0.5, 0.9)
#: Days that a launch, or the end of an application, is announced for, from the day before.
LAUNCH = 5
Floats = npt.NDArray[np.float64]
Find = Callable[[Tree, tuple[Planned, ...]], list[Event]]


@dataclass(frozen=True)
class Estate:
    """One estate.

    Attributes:
        lines: its usage by day and resource, in the columns of `inputs.cost_resources` and `unit`.
        labels: as `_bill_usage.label` gives them, with `month`: what the node should cost in 30 days.
        planned: what was announced.
    """

    lines: pd.DataFrame
    labels: pd.DataFrame
    planned: tuple[Planned, ...]


def draw(seed: int) -> Estate:
    """An estate's bill as its last export says, and what is true of it."""
    estate = synthetic_bill.draw_estate(synthetic_bill.Options(servers=SERVERS, start=START, days=DAYS, seed=seed))
    labels = _bill_usage.label(estate.events, estate.streams, estate.expected, estate.bill.used, START)
    nodes = [(ACCOUNTS[each.environment][0], each.kind.service, each.kind.usage_type) for each in estate.streams]
    dollars = estate.expected * np.array([each.kind.price for each in estate.streams])
    labels["month"] = [_month(row, nodes, dollars) for row in labels.to_dict("records")]
    return Estate(lines_of(estate.bill, START, DAYS), labels, tuple(_announced(estate, labels)))


def lines_of(bill: _bill_charges.Bill, start: date, days: int) -> pd.DataFrame:
    """The usage of a bill by day and resource, as its last export says, in the columns of `inputs.cost_resources` and `unit`."""
    months = pd.period_range(start, start + timedelta(days=days - 1), freq="M")
    table = pa.concat_tables([_bill_charges.lines(bill, month.start_time.date(), date(2100, 1, 1)) for month in months])
    table = table.filter(pc.equal(table["ChargeCategory"], "Usage"))
    names = {
        "ts": "ChargePeriodStart", "account": "SubAccountId", "service": "ServiceName", "region": "RegionId",
        "usage_type": "x_UsageType", "unit": "ConsumedUnit", "resource_id": "ResourceId", "tags": "Tags",
    }  # fmt: skip
    frame = pd.DataFrame({name: table[column].to_pandas() for name, column in names.items()})
    return frame.fillna("none").assign(cost=table["EffectiveCost"].cast(pa.float64()).to_pandas())


def _month(row: dict[Any, Any], nodes: list[tuple[str, str, str]], dollars: Floats) -> float:
    """What the node of a label should have cost in the 30 days before it."""
    same = [place for place, node in enumerate(nodes) if node == (row["account"], row["service"], row["usage_type"])]
    first = (row["first_day"] - START).days
    before = dollars[max(first - 30, 0) : first, same]
    return float(before.sum() / max(len(before), 1) * 30)


def _announced(estate: synthetic_bill.Estate, labels: pd.DataFrame) -> list[Planned]:
    planned = [
        Planned(name=row["kind"], start=row["first_day"], end=row["last_day"], **{name: row[name] for name in LEVELS})
        for row in labels[labels["planned"]].to_dict("records")
    ]
    for app in estate.apps:
        for change in ([app.first] if app.first else []) + ([app.last + 1] if app.last < DAYS - 1 else []):
            begin = START + timedelta(days=change - 1)
            account = ACCOUNTS["production"][0]
            planned.append(Planned(name=app.name, start=begin, end=begin + timedelta(days=LAUNCH - 1), account=account))
    return planned


def of_headroom(tree: Tree, planned: tuple[Planned, ...]) -> list[Event]:
    return cost.find_events(tree, planned, calendars.quiet_days(tree.days))


def by_z_score(tree: Tree, planned: tuple[Planned, ...]) -> list[Event]:
    """A day more than three standard deviations from the mean of the 30 before, at each usage type."""
    past = np.lib.stride_tricks.sliding_window_view(tree.cost, 30, axis=0)[:-1]
    return _runs(tree, planned, past.mean(axis=-1), past.std(axis=-1))


def by_week_before(tree: Tree, planned: tuple[Planned, ...]) -> list[Event]:
    """A day that differs from that of the week before by three standard deviations of such differences in the 28 before."""
    change = tree.cost[7:] - tree.cost[:-7]
    past = np.lib.stride_tricks.sliding_window_view(change, 28, axis=0)[:-1]
    return _runs(tree, planned, tree.cost[28:-7], past.std(axis=-1))


def _runs(tree: Tree, planned: tuple[Planned, ...], expected: Floats, spread: Floats) -> list[Event]:
    """Days in a row, at most two apart, beyond three times the spread, at each usage type, as large as events have to be."""
    skipped = len(tree.cost) - len(expected)
    beyond = tree.cost[skipped:] - expected
    far = (np.abs(beyond) > 3 * spread) & ~cost.mask_planned(tree, planned)[skipped:]
    events = []
    for node in (place for place in range(len(tree.nodes)) if tree.level(place) == len(LEVELS)):
        days: list[int] = []
        for day in [*np.flatnonzero(far[:, node]).tolist(), None]:
            if days and (day is None or day - days[-1] > cost.APART + 1):
                span = slice(days[0], days[-1] + 1)
                impact = float(beyond[span, node].sum())
                first, last = days[0] + skipped, days[-1] + skipped
                event = Event(node, first, last, tuple(expected[span, node]), impact, frozenset({len(LEVELS)}))
                if abs(impact) >= OF_NODE * cost.usual_month(tree, event):
                    events.append(event)
                days = []
            days += [] if day is None else [day]
    return events


RULES: dict[str, Find] = {
    "gold.cost_anomaly": of_headroom,
    "rolling z-score": by_z_score,
    "seasonal naive": by_week_before,
}


def finds(tree: Tree, event: Event, label: dict[Any, Any]) -> bool:
    """Whether an event is about a label."""
    node = tree.nodes.loc[event.node]
    first, last = (START + timedelta(days=place) for place in (event.first, event.last))
    above = tree.level(event.node) > 0 and all(not node[name] or node[name] == label[name] for name in LEVELS)
    return above and first <= label["last_day"] and last >= label["first_day"] and event.impact * label["impact"] > 0


def judge(estate: Estate, find: Find) -> np.ndarray[Any, np.dtype[np.float64]]:
    """True events found and all of them, events right and all of them, first causes right and those that were looked at."""
    keys = ["ts", *LEVELS, "unit"]
    daily: pd.DataFrame = estate.lines.groupby(keys)["cost"].sum().reset_index()
    tree = cost.grow_tree(daily)
    events = find(tree, estate.planned)
    true = estate.labels[~estate.labels["planned"]].to_dict("records")
    large = [label for label in true if abs(label["impact"]) >= LEAST * label["month"]]
    hits = [[event for event in events if finds(tree, event, label)] for label in large]
    right = [any(finds(tree, event, label) for label in true) for event in events]
    causes = [
        _first_cause(estate, tree, found[0]) == label["resource_id"] for found, label in zip(hits, large, strict=True) if found
    ]
    return np.array([sum(map(bool, hits)), len(large), sum(right), len(events), sum(causes), len(causes)], dtype=np.float64)


def _first_cause(estate: Estate, tree: Tree, event: Event) -> str:
    node = tree.nodes.loc[event.node]
    first, last = (START + timedelta(days=place) for place in (event.first, event.last))
    inside = estate.lines["ts"].between(pd.Timestamp(first) - pd.Timedelta(days=BEFORE), pd.Timestamp(last))
    for name in LEVELS:
        inside &= (estate.lines[name] == node[name]) | (node[name] == "")
    causes = rank_causes(estate.lines[inside], first, last, event.impact)
    return str(causes[0]["resource_id"]) if causes else ""


@dataclass(frozen=True)
class Shift:
    """Cost that one resource of a usage type had in the place of another.

    Attributes:
        less, more: places among the resources.
        first, last: places of days, the last one included.
    """

    less: int
    more: int
    first: int
    last: int


def stand(tree: Tree, lines: pd.DataFrame) -> Tree:
    """The resources that `inputs.cost_standing` gives of a bill."""
    named = lines[lines["resource_id"] != "none"]
    of_month = [*LEVELS, named["ts"].dt.to_period("M").rename("month")]
    whole = lines.groupby([*LEVELS, lines["ts"].dt.to_period("M").rename("month")])["cost"].sum().rename("whole")
    by_month = named.groupby([*of_month, "resource_id"])["cost"].sum().reset_index().join(whole, on=[*LEVELS, "month"])
    large = by_month.loc[by_month["cost"] * 20 >= by_month["whole"], [*LEVELS, "resource_id"]].drop_duplicates()
    large = large[large.groupby(list(LEVELS))["resource_id"].transform("count") >= 2]
    daily = named.groupby(["ts", *LEVELS, "resource_id", "unit"])["cost"].sum().reset_index()
    return plant_resources(tree, daily.merge(large))


def shift(tree: Tree, resources: Tree, seed: int) -> tuple[Tree, list[Shift]]:
    """The resources with cost moved between two of some usage types, each at most once, by 5 % of its month and more."""
    draw = np.random.default_rng(seed)
    cost_of, even = resources.cost.copy(), resources.even.copy()
    found: list[Shift] = []
    places = {tuple(row): place for place, row in enumerate(tree.nodes[list(LEVELS)].itertuples(index=False, name=None))}
    groups = list(resources.nodes.groupby(list(LEVELS), sort=True).indices.items())
    for number in draw.permutation(len(groups)):
        words, members = groups[number]
        first = int(draw.integers(80, DAYS - MOVED_DAYS[1]))
        last = first + int(draw.integers(*MOVED_DAYS)) - 1
        alive = [each for each in members if (resources.cost[first - BEFORE : last + 1, each] > 0).all()]
        if len(alive) < 2 or len(found) == MOVED:
            continue
        less, more = (int(each) for each in draw.permutation(alive)[:2])
        span = slice(first, last + 1)
        moved = resources.cost[span][:, [less, more]].min(axis=1) * draw.uniform(*MOVED_SHARE)
        if moved.sum() < LEAST * 30 * np.median(tree.cost[first - 30 : first, places[words]]):
            continue
        for place, sign in ((less, -1), (more, 1)):
            ratio = 1 + sign * moved / resources.cost[span, place]
            cost_of[span, place] *= ratio
            even[span, place] *= ratio
        found.append(Shift(less, more, first, last))
    return replace(resources, cost=cost_of, even=even), found


def judge_hidden(estate: Estate, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Movements put into an estate, those of which both sides, and one, were found, and what else was told of resources."""
    tree = cost.grow_tree(estate.lines.groupby(["ts", *LEVELS, "unit"])["cost"].sum().reset_index())
    resources, shifts = shift(tree, stand(tree, estate.lines), seed)
    quiet = calendars.quiet_days(tree.days)
    events = find_hidden(tree, resources, cost.find_events(tree, estate.planned, quiet), estate.planned, quiet)

    def of(one: Shift, place: int, sign: int) -> list[Event]:
        return [
            each
            for each in events
            if each.node == place and each.first <= one.last and each.last >= one.first and each.impact * sign > 0
        ]

    sides = [(of(one, one.less, -1), of(one, one.more, 1)) for one in shifts]
    said = {id(each) for pair in sides for side in pair for each in side}
    both, one = sum(all(pair) for pair in sides), sum(any(pair) for pair in sides)
    return np.array([len(shifts), both, one, len(events) - len(said)], dtype=np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the estates that constants were chosen on")
    seeds = TUNING if parser.parse_args().tuning else REPORTED
    table = Table(
        *("rule", "events", "recall", "precision", "F1", "first cause right", "CPU s"),
        title=f"{len(seeds)} estates of {SERVERS} servers, {DAYS} days",
    )
    estates = [draw(seed) for seed in seeds]
    for name, find in RULES.items():
        begun = cpu_seconds()
        found, true, right, said, causes, looked_at = np.sum([judge(estate, find) for estate in estates], axis=0)
        recall, precision = found / true, right / max(said, 1)
        score = 2 * recall * precision / max(recall + precision, 1e-9)
        table.add_row(
            *(name, f"{true:.0f}", f"{recall:.2f}", f"{precision:.2f} of {said:.0f}", f"{score:.2f}"),
            *(f"{causes / max(looked_at, 1):.2f} of {looked_at:.0f}", f"{cpu_seconds() - begun:.1f}"),
        )
    console = Console(width=120)
    console.print(table)
    moved, both, one, else_told = np.sum(
        [judge_hidden(estate, seed) for estate, seed in zip(estates, seeds, strict=True)], axis=0
    )
    console.print(
        f"{moved:.0f} movements between two resources of one usage type: both sides found of {both:.0f}, one of {one:.0f}; "
        f"{else_told:.0f} other events of resources"
    )


if __name__ == "__main__":
    main()
