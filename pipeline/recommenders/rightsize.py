"""EC2 instances of the wrong size: the cheapest type that still serves demand, with the chance that it will not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.instance_types import Choice, describe_beside
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.capacity.sizing import PRESETS
from pipeline.recommenders._sizing import Need, Sizing, breach_of, change_to, say_chance, weigh_instance
from pipeline.recommenders._sizing_past import missed_by_size

RULE_VERSION = "5"
SERVICES = frozenset({"ec2", "server"})
missed = missed_by_size


class Options(Sizing):
    """Thresholds of the rule."""

    preset: Literal["ours", "default", "balanced", "max_savings", "max_performance"] = Field(
        "ours",
        description="Percentile, headroom and chance of a breach where they are not set themselves. Compute Optimizer's, of "
        "which no chance decides: max_savings (P90, 0 %), balanced (P95, 30 %), default (P99.5, 20 %), max_performance (P99.5, "
        "30 %); ours is its default with a chance of 10 %.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("preset", "ours") not in PRESETS:
            return given
        return {**asdict(PRESETS[given.get("preset", "ours")]), **given}


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: rightsize, upgrade, upsize, investigate, keep or
    insufficient_data. An upgrade is to a type of the same vCPUs and memory, or more for less money.

    The need of a dimension is the chosen percentile of the hours' demand plus headroom, and at least the P95 peak of the
    forecast where a capacity risk is known. The target is the cheapest type in the price list that has it in every
    dimension and whose chance of a breach within 30 days is acceptable. Memory that is not measured never shrinks;
    network and EBS bandwidth that is not measured shrinks to a stated share at most. Without a price there are no
    dollars, and only smaller types of the own family are proposed.

    Compute Optimizer looks at five-minute points; an hour keeps its mean, P95 and maximum. Shrinking looks at the hours'
    maxima and calling a type too small at their means, so that each errs on the side of not acting.

    A breach is demand (an hour's P95) above the target's CPU or memory in more than 1 % of the next 30 days' hours
    (`peak_demand`). `confidence` is the chance that none happens, times the coverage and the share of the four dimensions that
    is measured, halved at most by the latter. Where more than 1 % of the hours were saturated, nobody knows what was wanted: no
    chance is stated, and the target has twice of what there is.

    Source: AWS Compute Optimizer, EC2 rightsizing (P99.5, 20 % headroom, 14 days) and its platform differences; effort
    and restarts from Cost Optimization Hub.
    """
    return recommendations([_judge(case, options) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options) -> Row:
    weighed = weigh_instance(case, options)
    if not isinstance(weighed, tuple):
        return weighed
    case, need, fitting = weighed
    return _grow(case, options, need, fitting) if need.short else _shrink(case, options, need, fitting)


def _shrink(case: Case, options: Options, need: Need, fitting: Choice) -> Row:
    """The cheapest fitting type that saves enough and is safe enough, or keep."""
    now, present = need.now, need.now["item"]
    if case.price is not None:
        worth = max(options.min_savings_usd, options.min_savings_pct / 100 * case.price.monthly_usd)
        better = fitting.where((now["price_usd"] - fitting["price_usd"]) * HOURS_PER_MONTH >= worth)
    else:
        smaller = (fitting["vcpu"] < now["vcpu"]) | (fitting["memory_gib"] < now["memory_gib"])
        never_larger = (fitting["vcpu"] <= now["vcpu"]) & (fitting["memory_gib"] <= now["memory_gib"])
        better = fitting.where((fitting["family"] == now["family"]) & smaller & never_larger)
    refused = ""
    for target in better:
        name, breach = target["item"], breach_of(need, target)
        if breach <= options.max_breach_probability:
            smaller = target["vcpu"] < now["vcpu"] or target["memory_gib"] < now["memory_gib"]
            what = f"{name}{'' if smaller else f', {describe_beside(now, target)},'} serves the demand on {present}."
            reason = f"{what} {need.figures} {say_chance(need, breach)}"
            return change_to(case, "rightsize" if smaller else "upgrade", reason, need, target)
        refused = refused or f" {name} would be cheaper, but has a {breach:.0%} chance of a breach in 30 days."
    reason = f"No cheaper type than {present} fits safely. {need.figures}{refused}"
    return case.keep(reason, breach_probability=breach_of(need, now))


def _grow(case: Case, options: Options, need: Need, fitting: Choice) -> Row:
    """The cheapest type that has what is lacking and is safe enough; without a price only of the own family."""
    now, present = need.now, need.now["item"]
    lacking = f"{present} is too small in {' and '.join(need.short)}. {need.figures}"
    if case.price is None:
        fitting = fitting.where(fitting["family"] == now["family"])
    safe = (row for row in fitting if need.hidden or breach_of(need, row) <= options.max_breach_probability)
    target = next(safe, None)
    if target is None:
        return case.investigate(f"{lacking} The price list has no type that fits safely.")
    name = target["item"]
    larger = target["vcpu"] > now["vcpu"] or target["memory_gib"] > now["memory_gib"]
    what = f"{name}, {describe_beside(now, target)}, is the cheapest type that fits."
    if need.hidden:
        what = (
            f"How much {' and '.join(need.hidden)} is wanted is not known: {name}, {describe_beside(now, target)}, "
            f"is the cheapest with {options.saturated_growth_ratio:g} × of that; judge it again after {case.days} days."
        )
    reason = f"{lacking} {what} {say_chance(need, breach_of(need, target))}".rstrip()
    return change_to(case, "upsize" if larger else "upgrade", reason, need, target)
