"""ECS services on Fargate whose tasks are larger than what they use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"ecs"})

_UNITS, _MIB = 1024, 1024
#: By CPU units of a task, the MiB that it may have: from, to and in which steps. 256 has none between one and two GiB.
_SIZES = {
    256: (512, 2048, 512),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
_IMPOSSIBLE = (256, 1536)


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to judge a metric.")
    quantile_pct: float = Field(
        99.5, ge=50, le=100, description="Percentile of the hours' highest CPU (Compute Optimizer: 99.5)."
    )
    cpu_headroom_pct: float = Field(20, ge=0, le=75, description="Share of CPU to keep free (Compute Optimizer: 20).")
    memory_headroom_pct: float = Field(
        20, ge=0, le=75, description="Share of memory to keep free above the highest use (Compute Optimizer: 20)."
    )
    min_savings_usd: float = Field(5, ge=0, le=100_000, description="Smallest monthly saving worth a change.")


@dataclass(frozen=True, order=True)
class _Size:
    """CPU units and MiB of a task."""

    cpu: float
    memory: float

    def __str__(self) -> str:
        return f"{self.cpu / _UNITS:g} vCPU, {self.memory / _MIB:g} GiB"


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every service: rightsize, investigate (too small), keep or insufficient_data.

    Its tasks' CPU and memory are shares of what a task has, of the busiest task in each hour. The target is the cheapest of
    Fargate's sizes that is no larger in either and has what was used, with the headroom. Memory counts by its highest use, for a
    task that runs out of it is killed. What a target tracking policy keeps is not judged, for the number of tasks follows it:
    with one of CPU only memory is, and the other way round. The saving is of the tasks that are wanted now.

    Source: AWS Compute Optimizer, ECS services on Fargate; Amazon ECS Developer Guide, task CPU and memory.
    """
    prices = price_lists(estate, "ecs", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts, now = facts_of(case.resource), _stated(case.config)
    state, scaled = optional_text(case.resource.get("state")), facts.get("scaled_by")
    if state != "active":
        return case.insufficient(f"Its state is {state or 'not stated'}, not active.")
    if not all(part.startswith("FARGATE") for part in facts.get("runs_on", "EC2").split(",")):
        return case.insufficient("Its tasks run on instances, or it is not known on what: these are judged, not the tasks.")
    tasks = number_of(facts, "tasks")
    if now is None or tasks is None:
        return case.insufficient("The inventory does not say how large its tasks are, and how many.")
    case = replace(case, config=f"{now} × {tasks:g}")
    if tasks == 0:
        return case.keep("It runs no task.", monthly_cost_usd=0.0, price_as_of=None)
    if scaled not in ("nothing", "cpu", "memory"):
        return case.insufficient(
            f"It is scaled by {scaled or 'something that is not known'}: its use follows that, not its size."
        )
    unknown = case.too_young() or case.resized()
    for metric, name in (("cpu_utilization", "CPU utilization"), ("memory_utilization", "memory utilization")):
        unknown = unknown or case.seen_too_little(metric, name, options.min_coverage_pct)
    if unknown:
        return case.insufficient(unknown)
    return _size(case, options, now, tasks, scaled, prices)


def _size(case: Case, options: Options, now: _Size, tasks: float, scaled: str, prices: Mapping[str, pd.DataFrame]) -> Row:
    cpu = float(np.percentile(case.usage["cpu_utilization"].max, options.quantile_pct))
    memory = float(case.usage["memory_utilization"].max.max())
    needed = _Size(now.cpu * cpu / (100 - options.cpu_headroom_pct), now.memory * memory / (100 - options.memory_headroom_pct))
    # What is kept where it is by the number of tasks stays what it is.
    needed = _Size(now.cpu if scaled == "cpu" else needed.cpu, now.memory if scaled == "memory" else needed.memory)
    evidence = {
        **case.how_much_was_seen("cpu_utilization"),
        "observed": {"cpu_quantile_pct": round(cpu, 3), "memory_max_pct": round(memory, 3)},
        "thresholds": {"cpu_headroom_pct": options.cpu_headroom_pct, "memory_headroom_pct": options.memory_headroom_pct},
    }
    coverage = min(case.usage[name].coverage(case.days) for name in ("cpu_utilization", "memory_utilization"))
    case = replace(case, evidence=evidence, confidence=coverage)
    case, price_of = _priced(case, prices, tasks, now)
    said = f"CPU P{options.quantile_pct:g} {cpu:.1f} %, memory at most {memory:.1f} % of {now}."
    if needed.cpu > now.cpu or needed.memory > now.memory:
        return case.investigate(f"Its tasks may be too small. {said}")
    fitting = [size for size in _sizes() if needed.cpu <= size.cpu <= now.cpu and needed.memory <= size.memory <= now.memory]
    target = min(fitting, key=lambda size: (price_of.get(size, 0.0), size), default=now)
    if target == now:
        return case.keep(f"No smaller size of a task has what it uses. {said}")
    saving = None if case.price is None else case.price.monthly_usd - price_of[target]
    if saving is not None and saving < options.min_savings_usd:
        return case.keep(f"Tasks of {target} would save {saving:,.2f} dollars a month, too little for a change. {said}")
    change = Change(
        target=f"{target} × {tasks:g}",
        saving_usd=saving,
        chance=1.0,
        confidence=coverage,
        risk_level=2,
        effort="low",
        rollback_note="Let the service run the task definition of before.",
        restart_needed=True,
    )
    return case.recommend("rightsize", f"Tasks of {target} serve the demand. {said}", change)


def _priced(case: Case, prices: Mapping[str, pd.DataFrame], tasks: float, now: _Size) -> tuple[Case, dict[_Size, float]]:
    """The case with what its tasks cost a month, and what they would cost of each size; without, and with the reason."""
    facts = facts_of(case.resource)
    kind = {"X86_64": "x86", "ARM64": "arm64"}.get(facts.get("architecture", ""))
    plain = facts.get("system") == "LINUX" and facts.get("runs_on") == "FARGATE"
    parts = [
        monthly_price(prices, case.region, f"Fargate {kind} {part}", HOURS_PER_MONTH * tasks) if plain else None
        for part in ("vCPU", "GB")
    ]
    vcpu, gib = parts
    if vcpu is None or gib is None:
        what = f"{facts.get('runs_on')}, {facts.get('system')} on {facts.get('architecture')}"
        return replace(case, remark=f"No dollars: there is no list price of {what}."), {}
    costs = {size: vcpu.monthly_usd * size.cpu / _UNITS + gib.monthly_usd * size.memory / _MIB for size in (*_sizes(), now)}
    return replace(case, price=Price(costs[now], min(vcpu.as_of, gib.as_of))), costs


def _stated(config: str | None) -> _Size | None:
    cpu, _, memory = (config or "").partition("/")
    return _Size(float(cpu), float(memory)) if cpu.isdigit() and memory.isdigit() else None


def _sizes() -> Iterator[_Size]:
    for cpu, (least, most, step) in _SIZES.items():
        yield from (_Size(cpu, memory) for memory in range(least, most + 1, step) if (cpu, memory) != _IMPOSSIBLE)
