"""EC2 instances whose mean load is so low that a type on CPU credits serves their peaks for less."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.credits import exhaustion_probability
from pipeline.advice.estate import Estate
from pipeline.advice.instance_types import describe_beside
from pipeline.recommenders._sizing import Sizing, breach_of, change_to, weigh_instance

RULE_VERSION = "2"
SERVICES = frozenset({"ec2", "server"})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to judge a metric.")
    max_exhaustion_probability: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Largest acceptable chance that credits run out, or demand exceeds the type, within 30 days.",
    )
    min_savings_pct: float = Field(5, ge=0, le=100, description="Smallest saving worth a move, as a share of today's cost.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: rightsize, keep or insufficient_data.

    The target is the cheapest burstable type of the same architecture that has what is needed, by `rightsize`'s defaults, and
    whose credits last: its baseline serves the mean, and of simulated months of the days seen at most the stated share has an
    hour without credits. Surplus credits have no listed price here, so that a type must do without them.

    Source: AWS Compute Optimizer, burstable types; EC2 user guide, CPU credits.
    """
    sizing = Sizing(min_coverage_pct=options.min_coverage_pct, allow_burstable=True)
    return recommendations([_judge(case, options, sizing) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, sizing: Sizing) -> Row:
    weighed = weigh_instance(case, sizing)
    if not isinstance(weighed, tuple):
        return weighed
    case, need, fitting = weighed
    now, present = need.now, need.now["item"]
    if now["burstable"]:
        return case.keep(f"{present} is burstable already.")
    if need.short:
        return case.keep(f"{present} is too small in {' and '.join(need.short)}: first of all it needs a larger type.")
    if np.isnan(now["price_usd"]):
        return case.keep(f"There is no list price of {present}, so that no type is known to be cheaper.")
    enough = (1 - options.min_savings_pct / 100) * now["price_usd"]
    mean = case.usage["cpu_utilization"].mean / 100
    for target in fitting.where(fitting["burstable"].astype(bool) & (fitting["price_usd"] <= enough)):
        name = target["item"]
        # Credits are simulated only for what would do otherwise.
        if not target["family"].startswith("t") or breach_of(need, target) > options.max_exhaustion_probability:
            continue
        runs_out = exhaustion_probability(np.asarray(mean / target["cpu_ratio"]), float(target["baseline"]))
        if runs_out <= options.max_exhaustion_probability:
            what = f"{name}, {describe_beside(now, target)}, serves the demand on {present}."
            credit = f"Its baseline of {target['baseline']:.0%} serves the mean of {mean.mean() / target['cpu_ratio']:.0%}"
            reason = f"{what} {credit}; chance that its credits run out in 30 days: {runs_out:.1%}. {need.figures}"
            return change_to(case, "rightsize", reason, need, target)
    return case.keep(f"No burstable type serves the demand on {present} for less. {need.figures}")
