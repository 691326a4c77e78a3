"""One resource before one rule: what is known of it, and the ways to answer. Every row of a rule comes from here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline.advice.answer import answer
from pipeline.advice.estate import Demand, Estate, Key, optional_text, resources_of
from pipeline.advice.prices import Price
from pipeline.tables.columns import EXCLUSIVE_GROUPS

Row = dict[str, object]
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """What it means to follow a recommendation.

    Attributes:
        target: configuration afterwards; None where only the state changes.
        saving_usd: of a month at list price in which the change holds; negative where it costs more, None without a price.
        chance: that the change holds for the month; 1 where there is no way back that would be better.
        confidence: in the recommendation, 0 to 1.
        risk_level: of harm by the change, from 0 (none) to 4.
        effort: from "very_low" to "very_high".
        rollback_note: how the change is taken back, for people.
        group: changes of a resource that exclude each other have the same; by default that of the action.
        least_usd: where the amount itself is not known exactly, what it saves at least; that is what is expected then, unless
        expected_usd: says what is.
        restart_needed: whether the resource stops for it.
        rollback_possible: whether that brings everything back.
    """

    target: str | None
    saving_usd: float | None
    chance: float
    confidence: float
    risk_level: int
    effort: str
    rollback_note: str
    restart_needed: bool = False
    rollback_possible: bool = True
    group: str = ""
    least_usd: float | None = None
    expected_usd: float | None = None


@dataclass(frozen=True)
class Case:
    """One resource before one rule. What the rule finds out is added with `dataclasses.replace`, and is in every later answer.

    Attributes:
        estate: everything else that is known.
        rule, version: who answers.
        key: account, region, resource_id.
        resource: its row in the inventory.
        usage: what was observed in the `days` that are looked at, by metric.
        config: what the resource is now, such as its instance type.
        price: what it costs; None where the price list does not say.
        evidence: the figures behind an answer.
        confidence: in an answer that changes nothing, 0 to 1.
        remark: what every reason ends with.
    """

    estate: Estate
    rule: str
    version: str
    key: Key
    resource: Mapping[str, Any]
    usage: Mapping[str, Demand]
    config: str | None
    price: Price | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)
    confidence: float = 0.0
    remark: str = ""

    @property
    def days(self) -> int:
        return self.estate.lookback_days

    @property
    def region(self) -> str:
        return self.key[1]

    def insufficient(self, reason: str) -> Row:
        """Too little is known to judge."""
        return self._answer("insufficient_data", reason)

    def keep(self, reason: str, **fields: object) -> Row:
        """Nothing is to be changed."""
        return self._answer("keep", reason, **fields)

    def investigate(self, reason: str, **fields: object) -> Row:
        """Something is wrong, and a person must find out what to do about it."""
        return self._answer("investigate", reason, **fields)

    def unchanged(self, action: str, reason: str, **fields: object) -> Row:
        """One of the three above, by its name."""
        return self._answer(action, reason, **fields)

    def recommend(self, action: str, reason: str, change: Change, **fields: object) -> Row:
        """Change something: one of the actions that are neither passive nor `investigate`."""
        low, expected, high = _saving_range(change)
        return self._answer(
            action,
            reason,
            target_config=change.target,
            savings_monthly_usd=expected,
            savings_low_usd=low,
            savings_high_usd=high,
            confidence=change.confidence,
            risk_level=change.risk_level,
            effort=change.effort,
            restart_needed=change.restart_needed,
            rollback_possible=change.rollback_possible,
            rollback_note=change.rollback_note,
            exclusive_group=change.group or EXCLUSIVE_GROUPS[action],
            **fields,
        )

    def _answer(self, action: str, reason: str, **fields: object) -> Row:
        service, rule = str(self.resource["service"]), (self.rule, self.version)
        known: Row = {"current_config": self.config, "confidence": self.confidence}
        if self.price is not None:
            known |= {"monthly_cost_usd": self.price.monthly_usd, "price_as_of": self.price.as_of}
        said = f"{reason} {self.remark}".rstrip()
        return answer(self.estate, rule, self.key, service, action, said, self.evidence, **{**known, **fields})

    def too_young(self) -> str | None:
        """Why the resource is too young to be judged by the days looked at, or None."""
        age = self.age_days()
        if age is None or age >= self.days:
            return None
        return f"Launched {age:.1f} days ago; {self.days} days of history are needed."

    def in_state_for(self) -> float | None:
        """Days for which inventories have listed the resource in its present state, at least; None where they do not say."""
        since = self.resource.get("state_since")
        return None if since is None or pd.isna(since) else self.days_since(since)

    def age_days(self) -> float | None:
        """Days since the resource was launched; None where the inventory does not say."""
        launched = self.resource.get("launched_at")
        return None if launched is None or pd.isna(launched) else max(self.days_since(launched), 0.0)

    def days_since(self, moment: pd.Timestamp) -> float:
        """Days from a moment to the one that is judged."""
        return float((pd.Timestamp(self.estate.as_of) - pd.Timestamp(moment)) / _DAY)

    def resized(self) -> str | None:
        """Why the days looked at say nothing of what the resource is now, or None: it became that in them."""
        changed = self.resource.get("config_changed_at")
        if changed is None or pd.isna(changed) or self.days_since(changed) >= self.days:
            return None
        return f"{self.config} only since {changed:%Y-%m-%d}; {self.days} days of it are needed."

    def seen_too_little(self, metric: str, name: str, min_coverage_pct: float) -> str | None:
        """Why a metric, for people of that `name`, was seen too little of to judge by it, or None."""
        seen = self.usage.get(metric)
        if seen is None:
            return f"No {name} in the last {self.days} days."
        coverage_pct = 100 * seen.coverage(self.days)
        if coverage_pct >= min_coverage_pct:
            return None
        return (
            f"{name} covers {coverage_pct:.1f} % of the last {self.days} days "
            f"({len(seen.hours)} of {24 * self.days} hours); {min_coverage_pct:g} % are needed."
        )

    def how_much_was_seen(self, metric: str) -> dict[str, object]:
        """The part of the evidence that says how much a judgement by a metric rests on."""
        seen = self.usage[metric]
        return {"window_days": self.days, "n_points": len(seen.hours), "coverage": round(seen.coverage(self.days), 4)}


def _saving_range(change: Change) -> tuple[float | None, float | None, float | None]:
    """Low, expected and high saving of a month, from the same two scenarios.

    The change holds, and saves the difference at list price; or it is taken back, half way through the month on average, and
    saves half of it. What is expected weighs the two by the chance that it holds. What costs more is not weighed: it costs that.
    """
    high = change.saving_usd
    if high is not None and change.least_usd is not None:
        return change.least_usd, change.least_usd if change.expected_usd is None else change.expected_usd, high
    if high is None or high < 0 or change.chance == 1:
        return high, high, high
    return high / 2, high / 2 * (1 + change.chance), high


def cases(estate: Estate, rule: str, version: str, services: Iterable[str]) -> Iterator[Case]:
    """One case for every resource of the services, in the order of their keys.

    Args:
        rule: `__name__` of the rule's module, whose last part is the rule's id.
        version: of the rule; a new one whenever its answers change.

    Raises:
        DataError: a resource that is listed twice.
    """
    listed, name = [*resources_of(estate, services)], rule.rpartition(".")[2]
    usage = estate.demand if listed else {}
    for key, resource in listed:
        yield Case(estate, name, version, key, resource, usage.get(key, {}), optional_text(resource.get("instance_type")))
