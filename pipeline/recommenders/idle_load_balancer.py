"""Load balancers that serve next to nothing, or have nothing behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.measures import MOST_DAYS, Busiest, busiest_day
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists

RULE_VERSION = "2"
SERVICES = frozenset({"elb"})

# By type: what it is called in the price list, what is counted of it, and the word for that.
_TYPES = {
    "application": ("ALB", "request_count", "requests"),
    "network": ("NLB", "NewFlowCount", "new connections"),
    "classic": ("classic", "request_count", "requests"),
}
_NOTE = "Make it again; its address is another one then. See that no name points to it."


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(7, ge=1, le=MOST_DAYS, description="Idle on each of the last so many days (Trusted Advisor: 7).")
    max_requests_per_day: float = Field(
        100,
        gt=0,
        le=100_000,
        description="Idle is a day with fewer requests, or new connections, than this (Trusted Advisor: 100).",
    )
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of these days' periods needed to call it idle.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every load balancer: delete, keep or insufficient_data.

    An application or classic load balancer reports requests only where there are any: a day without them counts as one without
    requests if another metric of it was seen. One that has no targets, and of which no request is known, is idle as well. The
    saving is the price by the hour; what is paid by use comes on top.

    Source: AWS Trusted Advisor, idle load balancers.
    """
    prices = price_lists(estate, "elb", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    kind = facts.get("type", "")
    if kind not in _TYPES:
        return case.insufficient(f"A load balancer of {f'type {kind}' if kind else 'no stated type'}, whose use is not measured.")
    item, metric, word = _TYPES[kind]
    case = replace(case, config=kind, price=monthly_price(prices, case.region, item, HOURS_PER_MONTH))
    if state not in ("active", "active_impaired"):
        return case.insufficient(f"Its state is {state or 'not stated'}, not active.")
    age = case.age_days()
    if age is not None and age < options.idle_days:
        return case.insufficient(f"Launched {age:.1f} days ago; {options.idle_days} days of history are needed.")
    targets, seen = number_of(facts, "targets"), busiest_day(case, metric, options.idle_days)
    observed = {"targets": targets, "requests_max_per_day": None if seen.amount is None else round(seen.amount, 3)}
    evidence = {
        "window_days": options.idle_days,
        "coverage": round(seen.coverage, 4),
        "observed": observed,
        "thresholds": {"requests_max_per_day": options.max_requests_per_day},
    }
    return _answer(replace(case, evidence=evidence), options, targets, seen, word)


def _answer(case: Case, options: Options, targets: float | None, seen: Busiest, word: str) -> Row:
    most = seen.amount or 0.0
    if most >= options.max_requests_per_day:
        return case.keep(f"In use: up to {most:,.0f} {word} a day over {options.idle_days} days.")
    is_seen = 100 * seen.coverage >= options.min_coverage_pct
    if not is_seen and (targets != 0 or most > 0):
        return case.insufficient(
            f"Its metrics cover {100 * seen.coverage:.1f} % of the last {options.idle_days} days; "
            f"{options.min_coverage_pct:g} % are needed."
        )
    said = f"at most {most:,.0f} {word} on any of the last {options.idle_days} days" if is_seen else f"no {word} are known"
    behind = "no targets behind it, and " if targets == 0 else ""
    change = Change(
        target=None,
        saving_usd=None if case.price is None else case.price.monthly_usd,
        chance=1.0,
        confidence=max(seen.coverage, 0.5),
        risk_level=1 if targets == 0 else 2,
        effort="low",
        rollback_note=_NOTE,
    )
    return case.recommend("delete", f"Idle: {behind}{said}.", change)
