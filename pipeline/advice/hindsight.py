"""What following a rule's answers would have saved and broken, on days that are over by now.

A rule that can be asked so has, beside `recommend`, a function `missed(answer, evidence, seen, options)`: in which hours of the
days after an answer whoever followed it would have missed what was changed.

From an origin a rule sees what was known then, and what it says is held to the hours of the 30 days after. A change holds until
the hour in which it would have broken too much; then it is taken back, and saves nothing any more. So what is promised and what
is saved are of the same days, and can be compared: what a rule expects to save counts that it may have to be taken back.

A changed machine would have had another course: see `capacity.replay`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.case import Case, cases
from pipeline.advice.estate import Demand, Estate, Key, no_bill
from pipeline.advice.instance_types import catalogue
from pipeline.advice.instances import priced, settled
from pipeline.advice.ladder import make_ladder
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists
from pipeline.capacity.replay import BROKEN_RATIO, LEAST_AHEAD, LEAST_SEEN, Flags, Machine, Replay, held_share, replay
from pipeline.capacity.sizing import CPU, MEMORY
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.tables.columns import EXCLUSIVE_GROUPS

#: Days of a window: those that rules state chances and savings of.
HORIZON_DAYS = 30
_EPOCH = datetime(1970, 1, 1)
_HOURS = 24.0 * HORIZON_DAYS
_METRICS = {CPU: "cpu_utilization", MEMORY: "memory_utilization"}
_CHANGES = frozenset(EXCLUSIVE_GROUPS)


@dataclass(frozen=True)
class Followed:
    """What following one answer would have come to.

    Attributes:
        hours: that were observed.
        missed: of them, those in which what was changed would have been missed.
        violates: more than the change bears.
        held: share of the hours before the change would have been taken back; 1 where it would not.
        happened: that of which the rule stated the chance.
        stated: this chance; None where it stated none.
    """

    hours: int
    missed: int
    violates: bool
    held: float
    happened: bool
    stated: float | None


@dataclass(frozen=True)
class Missed:
    """The hours after one answer, as the rule itself sees them.

    Attributes:
        hours: (h,) whether what was changed would have been missed in each, oldest first.
        stated: the chance that the rule stated of that; None where it stated none.
        happened: whether it came true; None where that is that the change would have been taken back.
        tolerated_ratio: share of the hours that may be missed before it is.
    """

    hours: Flags
    stated: float | None
    happened: bool | None = None
    tolerated_ratio: float = BROKEN_RATIO

    def count(self) -> Followed:
        missed = int(self.hours.sum())
        violates = missed > self.tolerated_ratio * len(self.hours)
        held = float(held_share(self.hours[:, None], self.tolerated_ratio)[0])
        happened = violates if self.happened is None else self.happened
        return Followed(len(self.hours), missed, violates, held, happened, self.stated)


#: Of a rule, with its options.
Judge = Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Demand]], Missed]


@dataclass(frozen=True)
class Window:
    """30 days after an origin; each ends a multiple of 30 days after 1970, so that none overlap, and what they save adds up."""

    until: datetime

    @property
    def origin(self) -> datetime:
        return self.until - timedelta(days=HORIZON_DAYS)


def windows_within(interval: Interval) -> Iterator[Window]:
    """The windows whose last day lies in an interval, all of it."""
    for part in interval.split_days():
        if part.end - part.start == timedelta(days=1) and (part.end - _EPOCH).days % HORIZON_DAYS == 0:
            yield Window(part.end)


@dataclass(frozen=True)
class Past:
    """One window as it is judged.

    Attributes:
        window: which.
        then: what was known at its origin.
        after: what was observed in it, by resource and metric.
        changed: resources that were changed in it: of these nobody knows what would have been.
        bill: what was charged in it, as `Estate.bill`.
    """

    window: Window
    then: Estate
    after: Mapping[Key, Mapping[str, Demand]]
    changed: frozenset[Key]
    bill: pd.DataFrame = field(default_factory=no_bill)

    def seen_after(self, key: Key) -> Mapping[str, Demand] | None:
        """What was observed of a resource, None where it is too little or the resource was changed."""
        seen = self.after.get(key, {})
        cpu = seen.get("cpu_utilization")
        if key in self.changed or cpu is None or len(cpu.hours) < LEAST_AHEAD * _HOURS:
            return None
        return seen


def follow_rule(past: Past, rule: str, version: str, answers: pd.DataFrame, judge: Judge) -> dict[str, Any]:
    """The row of `gold.recommendation_backtest` of one rule.

    Args:
        past: the window.
        rule, version: of the rule.
        answers: what it says at the origin.
        judge: its `missed`.
    """
    total = Total()
    for answer in answers.to_dict("records"):
        key = (answer["account"], answer["region"], answer["resource_id"])
        seen = past.seen_after(key)
        if answer["action"] in ("insufficient_data", "investigate") or seen is None:
            continue
        named = {str(name): value for name, value in answer.items()}
        # What costs more promises no saving, and breaks none.
        is_change = answer["action"] in _CHANGES and answer["action"] != "upsize" and _or_zero(answer["savings_high_usd"]) >= 0
        found = judge(named, json.loads(answer["evidence_json"]), seen).count() if is_change else None
        total.add(answer["monthly_cost_usd"], answer["savings_monthly_usd"], answer["savings_high_usd"], found)
    return total.row(past.window, rule, version)


@dataclass
class Total:
    """Sums over the resources of a window, in dollars of the window itself."""

    resources: int = 0
    changes: int = 0
    cost: float = 0.0
    promised: float = 0.0
    saved: float = 0.0
    hours: int = 0
    added: int = 0
    violating: int = 0
    happened: int = 0
    chances: int = 0
    stated: float = 0.0

    def add(self, cost: float | None, promised: float | None, high: float | None, found: Followed | None) -> None:
        """Count one resource; amounts are of a month, and None or NaN without a price."""
        in_window = _HOURS / HOURS_PER_MONTH
        self.resources += 1
        self.cost += in_window * _or_zero(cost)
        if found is None:
            return
        self.changes += 1
        self.promised += in_window * _or_zero(promised)
        self.saved += in_window * _or_zero(high) * found.held
        self.hours += found.hours
        self.added += found.missed
        self.violating += found.violates
        if found.stated is not None:
            self.chances += 1
            self.stated += found.stated
            self.happened += found.happened

    def row(self, window: Window, rule: str, version: str | None) -> dict[str, Any]:
        return {
            "ts": window.until - timedelta(days=1),
            "origin_at": window.origin,
            "rule_id": rule,
            "rule_version": version,
            "is_reference": version is None,
            "resources": self.resources,
            "changes": self.changes,
            "cost_before_usd": round(self.cost, 6),
            "cost_after_usd": round(self.cost - self.saved, 6),
            "promised_usd": round(self.promised, 6),
            "saved_usd": round(self.saved, 6),
            "hours": self.hours,
            "added_hours": self.added,
            "violating": self.violating,
            "chances": self.chances,
            "stated": round(self.stated / self.chances, 9) if self.chances else None,
            "observed": round(self.happened / self.chances, 9) if self.chances else None,
        }


def _or_zero(amount: float | None) -> float:
    return 0.0 if amount is None or pd.isna(amount) else float(amount)


def compare_sizes(past: Past) -> list[dict[str, Any]]:
    """The rows of all sizing rules of `replay`, over the instances whose type, price, load and load afterwards are known.

    Each takes a size of the instance's own family, or of those that differ in memory alone where memory is measured. The chance
    is what ours states for the size that is taken.
    """
    totals: dict[str, Total] = {}
    for found in _replays(past):
        monthly, last = float(found.ladder.price[-1]) * HOURS_PER_MONTH, len(found.ladder.names) - 1
        for rule in found.rules:
            total = totals.setdefault(rule, Total())
            for pair in enumerate(found.choose(rule)):
                saving = monthly * float(found.ladder.saving[pair[1]])
                total.add(monthly, saving, saving, None if pair[1] == last else _read(found, *pair))
    return [total.row(past.window, rule, None) for rule, total in totals.items()]


def _read(found: Replay, place: int, size: int) -> Followed:
    """What one size would have come to in one window of a replay."""
    hours = int(found.hours[place])
    return Followed(
        hours=hours,
        missed=int(found.added[place, size]),
        violates=bool(found.violates[place, size]),
        held=float(found.held[place, size]),
        happened=bool(found.broken[place, size] > BROKEN_RATIO * hours),
        stated=float(found.stated[place, size]),
    )


def _replays(past: Past) -> Iterator[Replay]:
    """The replay of all instances that have the same sizes to choose from."""
    catalogues = {region: catalogue(listed) for region, listed in price_lists(past.then, "ec2", "hour").items()}
    alike: dict[tuple[str, str, bool], list[Machine]] = {}
    for case in cases(past.then, __name__, "", ("ec2", "server")):
        types, seen = catalogues.get(case.region), past.seen_after(case.key)
        if types is None or case.config not in types.index or seen is None or settled(case, 100 * LEAST_SEEN) is not None:
            continue
        listed = monthly_price(catalogues, case.region, case.config, HOURS_PER_MONTH)
        machine = _machine(case, seen) if priced(case, listed).price else None
        if machine is not None:
            alike.setdefault((case.region, str(case.config), MEMORY in machine.p95), []).append(machine)
    for (region, config, with_memory), machines in sorted(alike.items()):
        try:
            ladder = make_ladder(catalogues[region], config, with_memory)
        except ConfigError:
            # Nothing is cheaper: no rule has a choice.
            continue
        cutoff = np.datetime64(past.window.origin, "us")
        yield replay(machines, ladder, past.then.lookback_days, HORIZON_DAYS, cutoff=cutoff)


def _machine(case: Case, seen: Mapping[str, Demand]) -> Machine | None:
    """The hours of an instance before and after the origin; None where too few have all that is measured.

    Memory that was measured well enough before the origin must be known after it as well.
    """
    usage = case.usage
    names = [CPU]
    if "memory_utilization" in usage and usage["memory_utilization"].coverage(case.days) >= LEAST_SEEN:
        names.append(MEMORY)
    if any(_METRICS[name] not in seen for name in names):
        return None
    both = {name: (usage[_METRICS[name]], seen[_METRICS[name]]) for name in names}
    ts = {name: np.concatenate([part.hours for part in parts]) for name, parts in both.items()}
    common = reduce(np.intersect1d, ts.values())
    before = int((common < np.datetime64(case.estate.as_of, "us")).sum())
    if before < LEAST_SEEN * 24 * case.days or len(common) - before < LEAST_AHEAD * _HOURS:
        return None
    place = {name: np.searchsorted(hours, common) for name, hours in ts.items()}
    p95 = {name: np.concatenate([part.p95 for part in parts])[place[name]] / 100 for name, parts in both.items()}
    peak = {name: np.concatenate([part.max for part in parts])[place[name]] / 100 for name, parts in both.items()}
    return Machine("/".join(case.key), common, p95, peak)
