"""What rules for idle services share: days without a sign of use, and the answers that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.case import Case, Change, Row
from pipeline.advice.facts import facts_of
from pipeline.advice.measures import MOST_DAYS, busiest_day


class IdleOptions(BaseModel):
    """Thresholds of a rule for an idle service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(
        14, ge=1, le=MOST_DAYS, description="Without use on each of the last so many days (Compute Optimizer: 14)."
    )
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of these days' periods needed to call it idle.")


@dataclass(frozen=True)
class Sign:
    """A metric that tells whether anything uses a resource.

    Attributes:
        metric: as silver has it.
        word: what it counts, for people.
        limit: from which amount on a day it is use; 0 where any is.
    """

    metric: str
    word: str
    limit: float = 0.0

    def is_use(self, amount: float | None) -> bool:
        return amount is not None and (amount >= self.limit if self.limit else amount > 0)


@dataclass(frozen=True)
class Seen:
    """What was seen of a resource: how it was used (empty: not at all), and how much of the days is known."""

    use: str
    coverage: float
    evidence: dict[str, Any]


def look(case: Case, signs: Sequence[Sign], days: int) -> Seen:
    """What the last `days` say of a resource; the sign that is known least counts."""
    found = [(sign, busiest_day(case, sign.metric, days)) for sign in signs]
    used = [f"up to {busiest.amount:,.4g} {sign.word}" for sign, busiest in found if sign.is_use(busiest.amount)]
    coverage = min(busiest.coverage for _, busiest in found)
    evidence = {
        "window_days": days,
        "coverage": round(coverage, 4),
        "observed": {sign.metric: busiest.amount for sign, busiest in found},
        "thresholds": {sign.metric: sign.limit for sign, _ in found},
    }
    return Seen(used[0] if used else "", coverage, evidence)


def judge_idle(
    cases: Iterator[Case],
    signs: Sequence[Sign],
    options: IdleOptions,
    settle: Callable[[Case], Case | Row],
    end: Callable[[Case, Seen], Row],
    group: str = "",
) -> list[Row]:
    """One row for each case: what `settle` answers, that it is used or too little known, or what `end` says of an idle one.

    Args:
        settle: the case with its price, or the answer where its use does not decide.
        group: the fact that members of one whole share, none of which is idle while another is used.
    """
    seen = [(case, look(case, signs, options.idle_days)) for case in cases]
    wholes: dict[tuple[str, str, str], list[tuple[Case, Seen]]] = {}
    for case, one in seen:
        wholes.setdefault(_whole(case, group), []).append((case, one))
    rows: list[Row] = []
    for case, one in seen:
        settled = settle(replace(case, evidence=one.evidence, confidence=one.coverage))
        if isinstance(settled, Case):
            others = [other for other in wholes[_whole(case, group)] if other[0].key != case.key]
            rows.append(_judge(settled, one, others, options, end))
        else:
            rows.append(settled)
    return rows


def _judge(
    case: Case, seen: Seen, others: Sequence[tuple[Case, Seen]], options: IdleOptions, end: Callable[[Case, Seen], Row]
) -> Row:
    days, age = options.idle_days, case.age_days()
    if age is not None and age < days:
        return case.insufficient(f"Launched {age:.1f} days ago; {days} days of history are needed.")
    if seen.use:
        return case.keep(f"In use: {seen.use} on a day of the last {days}.")
    for other, its in others:
        if its.use:
            return case.keep(f"Part of a whole that is in use: {other.key[2]} has {its.use} on a day of the last {days}.")
    for who, its in ((case, seen), *others):
        if 100 * its.coverage < options.min_coverage_pct:
            name = "Its metrics" if who is case else f"The metrics of {who.key[2]}, part of the same whole,"
            return case.insufficient(
                f"{name} cover {100 * its.coverage:.1f} % of the last {days} days; {options.min_coverage_pct:g} % are needed."
            )
    return end(case, seen)


def ending(case: Case, seen: Seen, rollback_note: str, **more: Any) -> Change:
    """The change that ends an idle resource, or what is paid for it by the hour: it saves its whole price."""
    known = {"target": None, "chance": 1.0, "confidence": seen.coverage, "risk_level": 2, "effort": "low"}
    saving = None if case.price is None else case.price.monthly_usd
    return Change(**{**known, "saving_usd": saving, "rollback_note": rollback_note, **more})


def _whole(case: Case, group: str) -> tuple[str, str, str]:
    """The account, region and name of what a case is part of: itself where it is of nothing."""
    account, region, name = case.key
    member_of = facts_of(case.resource).get(group) if group else None
    return (account, region, name if member_of is None else f"{group} {member_of}")
