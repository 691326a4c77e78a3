"""RDS databases of the wrong class: the cheapest that still serves demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.databases import priced, priced_item, settled
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of
from pipeline.advice.instance_types import Types, types_by_region
from pipeline.advice.prices import price_lists
from pipeline.recommenders._sizing import Sizing, breach_of, change_to, forecast_peaks, say_chance, weigh

RULE_VERSION = "2"
SERVICES = frozenset({"rds"})

# What RDS calls what an instance calls otherwise; memory has no counterpart that says how much is used.
_SAME = {
    "NetworkReceiveThroughput": "network_in",
    "NetworkTransmitThroughput": "network_out",
    "ReadThroughput": "disk_read",
    "WriteThroughput": "disk_write",
}


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to judge a metric.")
    quantile_pct: float = Field(99.5, ge=50, le=100, description="Percentile of the hours' demand (Compute Optimizer: 99.5).")
    headroom_pct: float = Field(20, ge=0, le=75, description="Share of CPU and bandwidth to keep free (Compute Optimizer: 20).")
    allow_arch_change: bool = Field(False, description="Also consider Graviton classes; the engine's version must know them.")
    max_breach_probability: float = Field(
        0.1, ge=0, le=1, description="Largest acceptable chance that demand exceeds the target within 30 days."
    )
    min_savings_usd: float = Field(5, ge=0, le=100_000, description="Smallest monthly saving worth a change.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every database: rightsize, upgrade, investigate (too small), keep or insufficient_data.

    A class is the instance type of its name with an engine on it: vCPUs, memory and bandwidth are that type's. Its memory never
    shrinks, because RDS does not say how much of it is used, and what it does not use itself caches. Targets are classes whose
    price with the same engine and zones is listed.

    Source: AWS Compute Optimizer, RDS DB instance rightsizing.
    """
    prices = price_lists(estate, "rds", "hour")
    types, risks = types_by_region(estate), forecast_peaks(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, options, prices, types, risks.get(case.key, {})) for case in judged])


def _judge(
    case: Case,
    options: Options,
    prices: Mapping[str, pd.DataFrame],
    types: Mapping[str, Types],
    risks: Mapping[str, tuple[float, float]],
) -> Row:
    case = priced(case, prices)
    without_judgement = settled(case)
    if without_judgement is not None:
        return without_judgement
    unknown = case.too_young() or case.resized()
    unknown = unknown or case.seen_too_little("cpu_utilization", "CPU utilization", options.min_coverage_pct)
    if unknown:
        return case.insufficient(unknown)
    seen = {_SAME.get(name, name): one for name, one in case.usage.items()}
    sizing = Sizing(
        min_coverage_pct=options.min_coverage_pct,
        quantile_pct=options.quantile_pct,
        cpu_headroom_pct=options.headroom_pct,
        bandwidth_headroom_pct=options.headroom_pct,
        allow_arch_change=options.allow_arch_change,
    )
    classes = _classes(case, prices.get(case.region), types.get(case.region))
    weighed = weigh(replace(case, usage=seen), sizing, classes, risks)
    if not isinstance(weighed, tuple):
        return weighed
    case, need, fitting = weighed
    now, present = need.now, need.now["item"]
    if need.short:
        return case.investigate(f"{present} is too small in {' and '.join(need.short)}. {need.figures}")
    if case.price is None:
        return case.keep(f"No class is known to be cheaper. {need.figures}")
    saved = case.price.monthly_usd * (1 - fitting["price_usd"] / now["price_usd"])
    for target in fitting.where(saved >= max(options.min_savings_usd, 0.01)):
        name, breach = target["item"], breach_of(need, target)
        if breach <= options.max_breach_probability:
            smaller = target["vcpu"] < now["vcpu"]
            reason = f"{name} serves the demand on {present}. {need.figures} {say_chance(need, breach)}"
            return change_to(
                case, "rightsize" if smaller else "upgrade", reason, need, target, "Change its class back; it restarts once more."
            )
    return case.keep(f"No cheaper class than {present} fits safely. {need.figures}", breach_probability=breach_of(need, now))


def _classes(case: Case, prices: pd.DataFrame | None, types: Types | None) -> Types | None:
    """The types that are also a database's class, by the class, with the price with the engine and zones of this one."""
    if types is None:
        return None
    facts = facts_of(case.resource)
    engine, is_multi_az = facts.get("engine"), facts.get("multi_az") == "true"
    names = {f"db.{name}": priced_item(f"db.{name}", engine, is_multi_az) for name in types.listed.index}
    listed = prices["price_usd"] if prices is not None else pd.Series(dtype="float64")
    classes = types.listed.set_axis(list(names)).rename_axis("item")
    classes["price_usd"] = pd.Series(list(names.values()), index=classes.index).map(listed).astype("float64")
    known = classes["price_usd"].notna() | (classes.index == case.config)
    return Types(classes.loc[known].sort_values(["price_usd", "vcpu", "memory_gib", "item"], na_position="last"))
