"""Auto Scaling groups of a fixed size that have more instances than they use: judged as a group, never by a member."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, Listed, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.instances import members_of, priced
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"autoscaling"})

_FIXED = "fixed"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours with CPU utilization needed to judge.")
    quantile_pct: float = Field(99.5, ge=50, le=100, description="Percentile of the hours' CPU (Compute Optimizer: 99.5).")
    cpu_headroom_pct: float = Field(20, ge=0, le=75, description="Share of CPU to keep free (Compute Optimizer: 20).")
    min_instances: int = Field(
        2, ge=1, le=1000, description="A group is not made smaller than this, nor than one in each of its zones."
    )
    min_savings_usd: float = Field(5, ge=0, le=100_000, description="Smallest monthly saving worth a change.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every group: rightsize (fewer instances), keep or insufficient_data.

    The group's CPU is the mean over its instances, of each hour the period that only one in twenty exceeds: what they do together
    fits on fewer if it is spread as it is now, with the headroom. Only a group whose size nothing changes has a number that the
    hours seen are shares of, and only if inventories have listed it with that number for as long. Memory is not known of a group:
    where that of all its members is, it must fit as well.

    Source: AWS Compute Optimizer, EC2 Auto Scaling groups; Cost Optimization Hub, scale in.
    """
    prices = price_lists(estate, "ec2", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    kind, instances = facts.get("types"), number_of(facts, "desired")
    if state != _FIXED:
        return case.insufficient("Its size changes: how many instances the hours that were seen are shares of is not known.")
    if instances is None:
        return case.insufficient("The inventory does not say how many instances it has.")
    if instances == 0:
        return case.keep("It has no instance.", monthly_cost_usd=0.0, price_as_of=None)
    if kind is None or "," in kind:
        return case.insufficient("Its instances are of several types, or of none that is known.")
    case = replace(case, config=f"{instances:g} × {kind}")
    unknown = case.too_young() or case.resized() or _size_unknown(case)
    unknown = unknown or case.seen_too_little("cpu_utilization", "CPU utilization", options.min_coverage_pct)
    if unknown:
        return case.insufficient(unknown)
    members = members_of(case)
    price = monthly_price(prices, case.region, kind, HOURS_PER_MONTH * instances)
    # What one of them is bought as, or runs, is so of the group.
    for member in members:
        if remark := priced(replace(case, resource=member), price).remark:
            price = None
            case = replace(case, remark=remark)
            break
    return _size(replace(case, price=price), options, kind, instances, members)


def _size(case: Case, options: Options, kind: str, instances: float, members: list[Listed]) -> Row:
    cpu = float(np.percentile(case.usage["cpu_utilization"].p95, options.quantile_pct))
    memory = _memory_pct(case, members)
    used = max(cpu, memory or 0.0)
    wanted = math.ceil(instances * used / (100 - options.cpu_headroom_pct) - 1e-9)
    least = max(options.min_instances, int(number_of(facts_of(case.resource), "zones") or 1))
    target = max(wanted, least)
    coverage = case.usage["cpu_utilization"].coverage(case.days)
    evidence = {
        **case.how_much_was_seen("cpu_utilization"),
        "observed": {"cpu_quantile_pct": round(cpu, 3), "memory_max_pct": None if memory is None else round(memory, 3)},
        "thresholds": {"cpu_headroom_pct": options.cpu_headroom_pct, "instances": least},
    }
    case = replace(case, evidence=evidence, confidence=coverage)
    known = "not known" if memory is None else f"at most {memory:.1f} %"
    said = f"CPU of the group P{options.quantile_pct:g} {cpu:.1f} %, memory {known}."
    if target >= instances:
        return case.keep(f"{instances:g} instances are no more than it needs. {said}")
    saving = None if case.price is None else case.price.monthly_usd * (1 - target / instances)
    if saving is not None and saving < options.min_savings_usd:
        return case.keep(f"{target} instances would save {saving:,.2f} dollars a month, too little for a change. {said}")
    change = Change(
        target=f"{target} × {kind}",
        saving_usd=saving,
        chance=1.0,
        confidence=coverage if memory is not None else coverage / 2,
        risk_level=2 if memory is not None else 3,
        effort="low",
        rollback_note="Set its size back.",
    )
    return case.recommend("rightsize", f"{target} of {instances:g} instances serve what it does. {said}", change)


def _size_unknown(case: Case) -> str | None:
    """Why the hours that were seen may be of another number of instances, or None: inventories do not reach as far back.

    Where they do, a change of the number is one of the configuration.
    """
    days = case.in_state_for()
    if days is not None and days >= case.days:
        return None
    since = "not known how long" if days is None else f"known for {days:.0f} days only"
    return f"That nothing changes its size is {since}; {case.days} days are needed."


def _memory_pct(case: Case, members: list[Listed]) -> float | None:
    """The highest use of memory of any member; None unless all are measured."""
    peaks = []
    for member in members:
        seen = case.estate.demand.get((case.key[0], case.key[1], str(member["resource_id"])), {}).get("memory_utilization")
        if seen is None:
            return None
        peaks.append(float(seen.max.max()))
    return max(peaks, default=None)
