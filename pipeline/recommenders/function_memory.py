"""Lambda functions with more memory than they use, where the CPU that goes with it is not worth its price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.functions import Work, price_of_time, work_of
from pipeline.advice.prices import price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"lambda"})

# A function has one vCPU with so many MiB, and the share of it that its memory is of these.
_ONE_CPU_MIB = 1769
# Compute Optimizer's limit: with more, a function has a second vCPU, which not every one uses.
_MOST_MIB, _LEAST_MIB, _STEP_MIB = 1792, 128, 64


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_invocations: int = Field(50, ge=1, le=1_000_000, description="Fewer tell nothing (Compute Optimizer: 50 in 14 days).")
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of the invocations whose memory and CPU must be known.")
    memory_headroom_pct: float = Field(
        20, ge=0, le=75, description="Share of memory to keep free above the highest use (Compute Optimizer: 20)."
    )
    max_slower_pct: float = Field(25, ge=0, le=400, description="An invocation may take so much longer with less CPU.")
    min_savings_usd: float = Field(1, ge=0, le=10_000, description="Smallest monthly saving worth a change.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every function: rightsize, investigate (too small), keep or insufficient_data.

    CPU comes with memory: with less, the part of an invocation that computes takes longer, and the part that waits does not. How
    much computes is its CPU time. The target is the size that costs least so, has what was used at most with the headroom, and is
    not slower than allowed. Memory and CPU time are Lambda Insights'; a function without it is not judged.

    Source: AWS Compute Optimizer, Lambda functions; AWS Lambda Developer Guide: 1,769 MB have one vCPU.
    """
    prices = price_lists(estate, "lambda", "GB-second")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts = facts_of(case.resource)
    memory, architecture = number_of(facts, "memory_mib"), facts.get("architecture")
    if memory is None or architecture is None:
        return case.insufficient("The inventory does not say how much memory it has, and on which architecture it runs.")
    case = replace(case, config=f"{architecture}, {memory:g} MiB")
    if memory > _MOST_MIB:
        return case.insufficient(f"It has more than one vCPU with {memory:g} MiB, and whether it uses both is not known.")
    work, computed, used = work_of(case), work_of(case, "cpu_total_time"), case.usage.get("memory_utilization")
    if work is None or work.calls < options.min_invocations:
        calls = 0 if work is None else work.calls
        return case.insufficient(f"{calls:,.0f} invocations in {case.days} days are known; {options.min_invocations} are needed.")
    if work.seconds <= 0:
        return case.insufficient("Its invocations take no time that is known.")
    if computed is None or used is None:
        return case.insufficient("Its memory and CPU time are not known: it has no Lambda Insights.")
    coverage = min(1.0, computed.calls / work.calls, len(used.hours) / len(case.usage["Invocations"].hours))
    if 100 * coverage < options.min_coverage_pct:
        return case.insufficient(
            f"Memory and CPU time are known of {100 * coverage:.1f} % of its invocations; "
            f"{options.min_coverage_pct:g} % are needed."
        )
    units = work.seconds_a_month(case) * memory / 1024
    case = replace(case, price=price_of_time(prices, case.region, architecture, units), confidence=coverage)
    return _size(case, options, memory, architecture, work, computed, float(used.max.max()))


def _size(case: Case, options: Options, memory: float, architecture: str, work: Work, computed: Work, peak_pct: float) -> Row:
    # Of what is known of an invocation: how long it takes, and how much of that it computes.
    took, busy = work.seconds / work.calls, computed.seconds / computed.calls
    waits = max(took - busy * _ONE_CPU_MIB / min(memory, _ONE_CPU_MIB), 0.0)
    sizes = np.append(np.arange(_LEAST_MIB, memory, _STEP_MIB), memory)
    # At the present size what was measured counts, whatever the model makes of it.
    takes = np.append(waits + busy * _ONE_CPU_MIB / np.minimum(sizes[:-1], _ONE_CPU_MIB), took)
    needed = memory * peak_pct / (100 - options.memory_headroom_pct)
    evidence = {
        **case.how_much_was_seen("Invocations"),
        "observed": {
            "memory_max_pct": round(peak_pct, 3),
            "seconds_per_invocation": round(took, 6),
            "cpu_seconds_per_invocation": round(busy, 6),
        },
        "thresholds": {"memory_headroom_pct": options.memory_headroom_pct, "slower_pct": options.max_slower_pct},
    }
    case = replace(case, evidence=evidence)
    said = f"Memory at most {peak_pct:.1f} % of {memory:g} MiB, {1000 * took:,.0f} ms of which {1000 * busy:,.0f} ms compute."
    if needed > memory:
        return case.investigate(f"It may have too little memory. {said}")
    fits = (sizes >= needed) & (takes <= took * (1 + options.max_slower_pct / 100))
    cost = np.where(fits, sizes * takes, np.inf)
    best = int(np.argmin(cost))
    target, share = float(sizes[best]), float(cost[best] / (memory * took))
    if target == memory:
        return case.keep(f"No smaller size costs less, has what it uses and is not too slow. {said}")
    saving = None if case.price is None else case.price.monthly_usd * (1 - share)
    if saving is not None and saving < options.min_savings_usd:
        return case.keep(f"{target:g} MiB would save {saving:,.2f} dollars a month, too little for a change. {said}")
    change = Change(
        target=f"{architecture}, {target:g} MiB",
        saving_usd=saving,
        chance=1.0,
        confidence=case.confidence,
        risk_level=2,
        effort="low",
        rollback_note="Set its memory back.",
    )
    reason = f"With {target:g} MiB an invocation takes about {1000 * takes[best]:,.0f} ms and costs {1 - share:.0%} less. {said}"
    return case.recommend("rightsize", reason, change)
