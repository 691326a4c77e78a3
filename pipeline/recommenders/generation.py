"""EC2 instances for which another family of no fewer vCPUs and no less memory is cheaper: newer, of AMD, or Graviton."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, tags_of
from pipeline.advice.instance_types import describe_beside, generation
from pipeline.recommenders._sizing import Sizing, breach_of, change_to, say_chance, weigh_instance
from pipeline.recommenders._sizing_past import missed_by_size

RULE_VERSION = "2"
SERVICES = frozenset({"ec2", "server"})
missed = missed_by_size


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to judge a metric.")
    allow_arch_change: bool = Field(
        True,
        description="Also consider Graviton, for which what runs must be built (Cost Optimization Hub: MigrateToGraviton).",
    )
    max_breach_probability: float = Field(
        0.1, ge=0, le=1, description="Largest acceptable chance that demand exceeds the target within 30 days."
    )
    min_savings_pct: float = Field(5, ge=0, le=100, description="Smallest saving worth a move, as a share of today's cost.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: upgrade, migrate (to another architecture), keep or
    insufficient_data.

    The target is the cheapest type of the same generation or a newer one, of another family, that has no fewer vCPUs and no less
    memory, serves the measured demand with the headroom of `rightsize`'s defaults, and saves enough. How much faster its vCPUs
    are is taken from CoreMark. What runs another system than Linux stays on its architecture.

    Source: AWS Compute Optimizer and Cost Optimization Hub, Upgrade and MigrateToGraviton; effort from the latter.
    """
    of_linux, of_others = (
        Sizing(
            min_coverage_pct=options.min_coverage_pct,
            allow_arch_change=may_migrate,
            max_breach_probability=options.max_breach_probability,
        )
        for may_migrate in (options.allow_arch_change, False)
    )
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, options, of_linux if _is_linux(case) else of_others) for case in judged])


def _is_linux(case: Case) -> bool:
    return str(tags_of(case.resource).get("headroom:platform", "linux")).lower().startswith("linux")


def _judge(case: Case, options: Options, sizing: Sizing) -> Row:
    weighed = weigh_instance(case, sizing)
    if not isinstance(weighed, tuple):
        return weighed
    case, need, fitting = weighed
    now, present = need.now, need.now["item"]
    if need.short:
        return case.keep(f"{present} is too small in {' and '.join(need.short)}: first of all it needs a larger type.")
    if np.isnan(now["price_usd"]):
        return case.keep(f"There is no list price of {present}, so that no type is known to be cheaper.")
    enough = (1 - options.min_savings_pct / 100) * now["price_usd"]
    no_smaller = (fitting["vcpu"] >= now["vcpu"]) & (fitting["memory_gib"] >= now["memory_gib"]) & (fitting.cpu_ratio >= 1)
    better = fitting.where(no_smaller & (fitting["family"] != now["family"]) & (fitting["price_usd"] <= enough))
    for target in better:
        name = target["item"]
        if generation(name) < generation(present):
            continue
        breach = breach_of(need, target)
        if breach <= options.max_breach_probability:
            is_other = target["arch"] != now["arch"]
            reason = f"{name}, {describe_beside(now, target)}, is cheaper. {need.figures} {say_chance(need, breach)}"
            also = " What runs on it must be there for its architecture." if is_other else ""
            return change_to(case, "migrate" if is_other else "upgrade", reason + also, need, target)
    return case.keep(f"No family that is no older and no smaller is cheaper than {present}.")
