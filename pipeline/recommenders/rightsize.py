"""EC2 instances of the wrong size: the cheapest type that still serves demand, with the chance that it will not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import answer, recommendations
from pipeline.advice.estate import (
    HOURS_PER_MONTH,
    Demand,
    Estate,
    Key,
    demand_by_resource,
    hourly_prices,
    is_running,
    not_judged,
    resources_of,
)
from pipeline.advice.instance_types import catalogue, cpu_ratio, platform_differences
from pipeline.capacity.peak import PeakDemand, peak_demand

RULE_ID = "rightsize"
RULE_VERSION = "1"
SERVICES = frozenset({"ec2", "server"})

# A metric at its limit hides how much more was wanted.
_SATURATED_PCT = 99.0
#: Share of a capacity above which a forecast peak is a shortage.
_SHORT_PCT = 90.0
_RULE = (RULE_ID, RULE_VERSION)
_LISTED = {"network": "network_mbps", "ebs": "ebs_mbps"}
# Chances of a breach from which on the performance risk is 1, 2, 3 and 4.
_PERFORMANCE_RISK = (0.01, 0.05, 0.2, 0.5)
_Array = npt.NDArray[np.float64]


class Options(BaseModel):
    """Thresholds of the rule; the defaults are Compute Optimizer's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours needed to judge a metric.")
    quantile_pct: float = Field(99.5, ge=50, le=100, description="Percentile of the hours' demand that must fit.")
    cpu_headroom_pct: float = Field(20, ge=0, le=75, description="Share of the CPU to keep free.")
    memory_headroom_pct: float = Field(20, ge=0, le=75, description="Share of the memory to keep free.")
    bandwidth_headroom_pct: float = Field(20, ge=0, le=75, description="Share of network and EBS bandwidth to keep free.")
    unmeasured_bandwidth_ratio: float = Field(
        0.4, gt=0, le=1, description="Share of today's network or EBS bandwidth to keep where its use is not measured."
    )
    max_coremark_credit: float = Field(
        1.5, ge=1, le=4, description="A vCPU of another type counts for at most this many of the present type's."
    )
    max_breach_probability: float = Field(
        0.05, ge=0, le=1, description="Largest acceptable chance that demand exceeds the target within 30 days."
    )
    upsize_probability: float = Field(
        0.2, gt=0, le=1, description="A forecast chance of crossing within 90 days above this calls for a larger type."
    )
    allow_arch_change: bool = Field(False, description="Also consider types of another architecture, such as Graviton.")
    allow_burstable: bool = Field(False, description="Also consider types on CPU credits whose baseline serves the mean.")
    min_savings_usd: float = Field(5, ge=0, description="Smallest monthly saving worth a change.")
    min_savings_pct: float = Field(5, ge=0, le=100, description="The same, as a share of today's cost.")


@dataclass(frozen=True)
class _Need:
    """What one instance needs of a target.

    Attributes:
        cpu: multiple of the present CPU capacity.
        memory_gib, network_mbps, ebs_mbps: capacity.
        mean_cpu: average use as a share of the present CPU capacity.
        peaks: what the peaks of the next 30 days may be, as shares of the present cpu and memory.
        short: the dimensions in which the present type is too small.
        unmeasured: the dimensions without enough data.
        figures: what was found, for people.
        evidence: what was found, for machines.
    """

    cpu: float
    memory_gib: float
    network_mbps: float
    ebs_mbps: float
    mean_cpu: float
    peaks: Mapping[str, PeakDemand]
    short: tuple[str, ...]
    unmeasured: tuple[str, ...]
    figures: str
    evidence: Mapping[str, object]


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: rightsize, upsize, investigate, keep or insufficient_data.

    The need of a dimension is the chosen percentile of the hours' demand plus headroom, and at least the P95 peak of the
    forecast where a capacity risk is known. The target is the cheapest type in the price list that has it in every
    dimension and whose chance of a breach within 30 days is acceptable. Memory that is not measured never shrinks;
    network and EBS bandwidth that is not measured shrinks to a stated share at most. Without a price there are no
    dollars, and only smaller types of the own family are proposed.

    Compute Optimizer looks at five-minute points; an hour keeps its mean, P95 and maximum. Shrinking looks at the hours'
    maxima and calling a type too small at their means, so that each errs on the side of not acting.

    A breach is demand (an hour's P95) above the target's CPU or memory in more than 1 % of the next 30 days' hours
    (`peak_demand`). `savings_low_usd` is the saving times the chance that none happens. `confidence` is that chance times the
    coverage and the share of the four dimensions that is measured, halved at most by the latter.

    Source: AWS Compute Optimizer, EC2 rightsizing (P99.5, 20 % headroom, 14 days) and its platform differences; effort
    and restarts from Cost Optimization Hub.
    """
    demand = demand_by_resource(estate)
    types = {region: catalogue(listed) for region, listed in hourly_prices(estate, "ec2").items()}
    risks = _forecast_peaks(estate)
    return recommendations(
        [
            _judge(estate, options, key, resource, demand.get(key, {}), types.get(key[1]), risks.get(key, {}))
            for key, resource in resources_of(estate, SERVICES)
        ]
    )


@dataclass(frozen=True)
class _Case:
    """One instance whose size can be judged: where it is, what it is now, what it needs, and what every answer says."""

    estate: Estate
    options: Options
    key: Key
    service: str
    now: pd.Series
    need: _Need
    known: Mapping[str, Any]

    def answer(self, action: str, reason: str, evidence: Mapping[str, object], **fields: object) -> dict[str, object]:
        return answer(self.estate, _RULE, self.key, self.service, action, reason, evidence, **{**self.known, **fields})


def _judge(
    estate: Estate,
    options: Options,
    key: Key,
    resource: pd.Series,
    metrics: Mapping[str, Demand],
    types: pd.DataFrame | None,
    risks: Mapping[str, tuple[float, float]],
) -> dict[str, object]:
    service, named = str(resource["service"]), resource.get("instance_type")
    config = None if pd.isna(named) else str(named)
    known: dict[str, Any] = {"current_config": config}
    if not is_running(resource):
        reason = f"Already {resource['state']}."
        return answer(estate, _RULE, key, service, "keep", reason, **known, monthly_cost_usd=0.0)
    now = None if types is None or config not in types.index else types.loc[config]
    if now is not None and not pd.isna(now["price_usd"]):
        known |= {"monthly_cost_usd": now["price_usd"] * HOURS_PER_MONTH, "price_as_of": now["price_as_of"]}
    unknown = not_judged(estate, resource, metrics, estate.lookback_days, options.min_coverage_pct)
    if unknown is None and now is None:
        unknown = f"The price list of {key[1] or 'its region'} does not describe {config or 'an unnamed type'}."
    if unknown is None and now is not None and now["gpu"] > 0:
        unknown = f"{config} has {now['gpu']:g} GPU, whose use is not measured."
    if unknown is not None or types is None or now is None:
        return answer(estate, _RULE, key, service, "insufficient_data", unknown or "", **known)

    need = _need(options, estate.lookback_days, metrics, now, risks)
    known["confidence"] = metrics["cpu_utilization"].coverage(estate.lookback_days) * (1 - len(need.unmeasured) / 8)
    case = _Case(estate, options, key, service, now, need, known)
    fitting = _fitting(options, types, now, need)
    return _grow(case, fitting) if need.short else _shrink(case, fitting)


def _shrink(case: _Case, fitting: pd.DataFrame) -> dict[str, object]:
    """The cheapest fitting type that saves enough and is safe enough, or keep."""
    options, now, need = case.options, case.now, case.need
    priced = not pd.isna(now["price_usd"])
    if priced:
        worth = max(options.min_savings_usd, options.min_savings_pct / 100 * case.known["monthly_cost_usd"])
        better = fitting.loc[(now["price_usd"] - fitting["price_usd"]) * HOURS_PER_MONTH >= worth]
    else:
        smaller = (fitting["vcpu"] < now["vcpu"]) | (fitting["memory_gib"] < now["memory_gib"])
        never_larger = (fitting["vcpu"] <= now["vcpu"]) & (fitting["memory_gib"] <= now["memory_gib"])
        better = fitting.loc[(fitting["family"] == now["family"]) & smaller & never_larger]
    refused = ""
    for name, target in better.iterrows():
        breach = _breach(need, now, target)
        if breach <= options.max_breach_probability:
            reason = f"{name} serves the demand on {now.name}. {need.figures} Chance of a breach in 30 days: {breach:.1%}."
            return _change(case, "rightsize", reason, target, breach)
        refused = refused or f" {name} would be cheaper, but has a {breach:.0%} chance of a breach in 30 days."
    reason = f"No cheaper type than {now.name} fits safely. {need.figures}{refused}"
    return case.answer("keep", reason, need.evidence, breach_probability=_breach(need, now, now))


def _grow(case: _Case, fitting: pd.DataFrame) -> dict[str, object]:
    """The cheapest type that has what is lacking; without a price only of the own family."""
    now, need = case.now, case.need
    lacking = f"{now.name} is too small in {' and '.join(need.short)}. {need.figures}"
    if pd.isna(now["price_usd"]):
        fitting = fitting.loc[fitting["family"] == now["family"]]
    if fitting.empty:
        return case.answer("investigate", f"{lacking} The price list has no type that fits.", need.evidence)
    target = fitting.iloc[0]
    reason = f"{lacking} {target.name} is the cheapest type that fits."
    return _change(case, "upsize", reason, target, _breach(need, now, target))


def _change(case: _Case, action: str, reason: str, target: pd.Series, breach: float) -> dict[str, object]:
    now, need = case.now, case.need
    differences = platform_differences(now, target)
    saved = (now["price_usd"] - target["price_usd"]) * HOURS_PER_MONTH
    evidence = {
        **need.evidence,
        "platform_differences": differences,
        "cpu_compared_by": "vcpu" if pd.isna(now["coremark"]) or pd.isna(target["coremark"]) else "coremark",
        "cpu_ratio": round(target["cpu_ratio"], 4),
    }
    performance_risk = int(np.searchsorted(_PERFORMANCE_RISK, breach, side="right"))
    return case.answer(
        action,
        reason,
        evidence,
        target_config=str(target.name),
        savings_monthly_usd=saved,
        savings_low_usd=saved if saved < 0 else saved * (1 - breach),
        savings_high_usd=saved,
        breach_probability=breach,
        confidence=case.known["confidence"] * (1 - breach),
        # What is not measured may be what binds: at least a low risk.
        risk_level=max(performance_risk, 1 if need.unmeasured else 0),
        effort="very_high" if "Architecture" in differences else "high" if "Hypervisor" in differences else "medium",
        restart_needed=True,
        rollback_note="Stop the instance and change its type back.",
    )


def _need(
    options: Options, days: int, metrics: Mapping[str, Demand], now: pd.Series, risks: Mapping[str, tuple[float, float]]
) -> _Need:
    """Required capacity by dimension; shares of the present type for CPU, absolute for the others."""
    measured = {name: one for name, one in metrics.items() if 100 * one.coverage(days) >= options.min_coverage_pct}
    short: list[str] = []
    unmeasured: list[str] = []
    figures: list[str] = []
    evidence: dict[str, object] = {
        "window_days": days,
        "n_points": len(metrics["cpu_utilization"].hours),
        "coverage": round(metrics["cpu_utilization"].coverage(days), 4),
        "quantile_pct": options.quantile_pct,
        "max_breach_probability": options.max_breach_probability,
    }
    share, peaks = {"cpu": 1.0, "memory": 1.0}, {}
    for name, headroom_pct in (("cpu", options.cpu_headroom_pct), ("memory", options.memory_headroom_pct)):
        demand = measured.get(f"{name}_utilization")
        if demand is None:
            unmeasured.append(name)
            continue
        peak, sustained = (float(np.percentile(each, options.quantile_pct)) for each in (demand.max, demand.mean))
        forecast_peak, crossing = risks.get(f"{name}_utilization", (0.0, 0.0))
        free = 1 - headroom_pct / 100
        share[name] = max(peak / 100 / free, forecast_peak)
        likely = crossing > options.upsize_probability and forecast_peak > free
        if likely:
            share[name] = max(share[name], forecast_peak / free)
        if sustained / 100 > free or likely:
            short.append(name)
        peaks[name] = peak_demand(demand.hours, demand.p95 / 100)
        figures.append(f"{name} P{options.quantile_pct:g} {peak:.1f} %")
        saturated = float((demand.p95 >= _SATURATED_PCT).mean())
        if saturated > 0:
            figures.append(f"{name} saturated in {saturated:.1%} of the hours, so that demand may be higher than seen")
        if forecast_peak > 0:
            figures.append(f"{name} forecast peak {100 * forecast_peak:.1f} %")
        evidence |= {
            f"{name}_quantile_pct": round(peak, 3),
            f"{name}_sustained_pct": round(sustained, 3),
            f"{name}_saturated_ratio": round(saturated, 4),
            f"{name}_headroom_pct": headroom_pct,
            f"{name}_forecast_peak_pct": round(100 * forecast_peak, 3),
            f"{name}_p_cross_90d": round(crossing, 4),
        }
    bandwidth = {}
    for name, metrics_of, together in (
        ("network", ("network_in", "network_out"), False),
        # CloudWatch counts volumes and local disks apart; other sources know only disks.
        ("ebs", ("ebs_read", "ebs_write") if "ebs_read" in measured else ("disk_read", "disk_write"), True),
    ):
        present = float(now[_LISTED[name]])
        used = _bandwidth(measured, metrics_of, together, options.quantile_pct)
        if used is None:
            unmeasured.append(name)
            bandwidth[name] = 0.0 if np.isnan(present) else options.unmeasured_bandwidth_ratio * present
            continue
        bandwidth[name] = used / (1 - options.bandwidth_headroom_pct / 100)
        if bandwidth[name] > present:
            short.append(name)
        figures.append(f"{name} P{options.quantile_pct:g} {used:.1f} Mbit/s")
        evidence[f"{name}_quantile_mbps"] = round(used, 3)
    evidence["unmeasured"] = unmeasured
    note = f"; not measured: {', '.join(unmeasured)}" if unmeasured else ""
    return _Need(
        cpu=share["cpu"],
        memory_gib=share["memory"] * float(now["memory_gib"]),
        network_mbps=bandwidth["network"],
        ebs_mbps=bandwidth["ebs"],
        mean_cpu=float(metrics["cpu_utilization"].mean.mean()) / 100,
        peaks=peaks,
        short=tuple(short),
        unmeasured=tuple(unmeasured),
        figures=f"Over {days} days: {', '.join(figures)}{note}.",
        evidence=evidence,
    )


def _fitting(options: Options, types: pd.DataFrame, now: pd.Series, need: _Need) -> pd.DataFrame:
    """The types that have what is needed, in the order of the catalogue."""
    ratio = cpu_ratio(types, now, options.max_coremark_credit)
    allowed = types["ordinary"] & (types.index != now.name)
    if not options.allow_arch_change:
        allowed &= types["arch"] == now["arch"]
    if not (options.allow_burstable or now["burstable"]):
        allowed &= ~types["burstable"]
    if now["hypervisor"] == "nitro":
        # Going back to the older hypervisor would trade drivers and generation for a few cents.
        allowed &= types["hypervisor"] != "xen"
    if now["instance_store"]:
        allowed &= types["instance_store"]
    fits = (
        (ratio >= need.cpu - 1e-9)
        & (need.mean_cpu <= ratio * types["baseline"])
        & (types["memory_gib"] >= need.memory_gib - 1e-9)
        & (types["network_mbps"].fillna(0.0) >= need.network_mbps)
        & (types["ebs_mbps"].fillna(0.0) >= need.ebs_mbps)
    )
    return types.assign(cpu_ratio=ratio).loc[allowed & fits]


def _breach(need: _Need, now: pd.Series, target: pd.Series) -> float:
    """The larger of the chances that CPU or memory demand exceeds the target within 30 days."""
    room = {"cpu": float(target.get("cpu_ratio", 1.0)), "memory": float(target["memory_gib"] / now["memory_gib"])}
    return max(peaks.breach_probability(room[name]) for name, peaks in need.peaks.items())


def _bandwidth(measured: Mapping[str, Demand], names: tuple[str, str], together: bool, quantile_pct: float) -> float | None:
    """Sustained Mbit/s: both directions added where they share a limit, else the busier one; None unless both are known."""
    if not all(name in measured for name in names):
        return None
    one, other = (pd.Series(measured[name].mean, index=pd.DatetimeIndex(measured[name].hours)) for name in names)
    if together:
        return float(np.percentile(one.add(other, fill_value=0.0), quantile_pct))
    return max(float(np.percentile(one, quantile_pct)), float(np.percentile(other, quantile_pct)))


def _forecast_peaks(estate: Estate) -> dict[Key, dict[str, tuple[float, float]]]:
    """By resource and metric: the P95 peak of the forecast as a share of capacity, and the chance of a shortage in 90 days.

    Of several granularities the more alarming counts.
    """
    risk = estate.risk
    if risk.empty:
        return {}
    risk = risk.loc[risk["as_of"] <= pd.Timestamp(estate.as_of)]
    risk = risk.loc[risk["as_of"] == risk.groupby("series_id")["as_of"].transform("max")]
    risk = risk.loc[risk["threshold_pct"] == _SHORT_PCT]
    found: dict[Key, dict[str, tuple[float, float]]] = {}
    for series_id, rows in risk.groupby("series_id", sort=True):
        account, region, rest = str(series_id).split("/", 2)
        resource_id, _, metric = rest.rpartition("/")
        peak = float((1 - rows["headroom_ratio"]).max())
        crossing = float(rows["p_cross_90d"].fillna(0.0).max())
        found.setdefault((account, region, resource_id), {})[metric] = (0.0 if np.isnan(peak) else peak, crossing)
    return found
