"""Lambda functions on x86: the same time costs a fifth less on arm64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.functions import price_of_time, work_of
from pipeline.advice.prices import price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"lambda"})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_savings_usd: float = Field(1, ge=0, le=10_000, description="Smallest monthly saving worth a move.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every function: migrate, keep or insufficient_data.

    What it costs by time is its invocations × their mean duration × its memory of the days looked at, for a month, at the
    price of the first tier; requests cost the same on either. A function reports nothing where it is not invoked. Time is taken
    to be the same on arm64, which for most runtimes is no less fast.

    Source: Cloud Intelligence Dashboards and Cost Optimization Hub, Lambda on Graviton: 20 % less.
    """
    prices = price_lists(estate, "lambda", "GB-second")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts = facts_of(case.resource)
    memory, architecture = number_of(facts, "memory_mib"), facts.get("architecture")
    if memory is None or architecture is None:
        return case.insufficient("The inventory does not say how much memory it has, and on which architecture it runs.")
    case = replace(case, config=f"{architecture}, {memory:g} MiB")
    if architecture != "x86_64":
        return case.keep(f"It runs on {architecture} already.")
    work = work_of(case)
    if work is None:
        return case.insufficient(f"No invocation and no duration of the last {case.days} days is known: it may not be called.")
    units = work.seconds_a_month(case) * memory / 1024
    now, then = (price_of_time(prices, case.region, kind, units) for kind in (architecture, "arm64"))
    evidence = {
        **case.how_much_was_seen("Invocations"),
        "observed": {"gib_seconds_a_month": round(units, 3)},
        "thresholds": {"savings_usd": options.min_savings_usd},
    }
    case = replace(case, price=now, evidence=evidence)
    saving = None if now is None or then is None else now.monthly_usd - then.monthly_usd
    if saving is not None and saving < options.min_savings_usd:
        return case.keep(f"Its {units:,.0f} GB-seconds a month cost too little for a move to be worth it.")
    change = Change(
        target=f"arm64, {memory:g} MiB",
        saving_usd=saving,
        chance=1.0,
        confidence=0.8,
        risk_level=2,
        effort="high",
        rollback_note="Publish it for x86_64 again.",
    )
    reason = f"Its {units:,.0f} GB-seconds a month cost a fifth less on arm64. What it is packed with must be there for arm64."
    return case.recommend("migrate", reason, change)
