"""What an instance, or a database, needs of a type, and which types have it; for the rules that propose another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.case import Case, Change, Row
from pipeline.advice.estate import Demand, Estate, Key
from pipeline.advice.instance_types import Choice, Movable, Type, Types, platform_differences, type_prices, types_by_region
from pipeline.advice.instances import priced, settled
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.advice.risk import newest_risk
from pipeline.capacity.peak import PeakDemand, peak_demand
from pipeline.capacity.percentile import percentile
from pipeline.capacity.sizing import HIDDEN_RATIO, SATURATED_RATIO

#: Share of a capacity above which a forecast peak is a shortage.
_SHORT_PCT = 90.0
# Chances of a breach from which on the performance risk is 1, 2, 3 and 4.
_PERFORMANCE_RISK = (0.01, 0.05, 0.2, 0.5)
# It goes with the demand that it is of.
_PEAKS: WeakKeyDictionary[Demand, PeakDemand] = WeakKeyDictionary()
# Percentiles of the hours, by statistic and percentage.
_PERCENTILES: WeakKeyDictionary[Demand, dict[tuple[str, float], float]] = WeakKeyDictionary()


class Sizing(BaseModel):
    """Thresholds of a size; the defaults are Compute Optimizer's."""

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
        0.1, ge=0, le=1, description="Largest acceptable chance that demand exceeds the target within 30 days."
    )
    upsize_probability: float = Field(
        0.2, gt=0, le=1, description="A forecast chance of crossing within 90 days above this calls for a larger type."
    )
    saturated_growth_ratio: float = Field(
        2, ge=1, le=8, description="Multiple of today's CPU or memory to ask for where saturation hides how much is wanted."
    )
    allow_arch_change: bool = Field(False, description="Also consider types of another architecture, such as Graviton.")
    allow_burstable: bool = Field(False, description="Also consider types on CPU credits whose baseline serves the mean.")
    min_savings_usd: float = Field(5, ge=0, description="Smallest monthly saving worth a change.")
    min_savings_pct: float = Field(5, ge=0, le=100, description="The same, as a share of today's cost.")


@dataclass(frozen=True)
class Need:
    """What one instance needs of a target.

    Attributes:
        now: its type, a row of the catalogue.
        cpu: multiple of the present CPU capacity.
        memory_gib, network_mbps, ebs_mbps: capacity.
        mean_cpu: average use as a share of the present CPU capacity.
        peaks: what the peaks of the next 30 days may be, as shares of the present cpu and memory.
        short: the dimensions in which the present type is too small.
        hidden: the dimensions in which saturation hides how much is wanted.
        unmeasured: the dimensions without enough data.
        figures: what was found, for people.
    """

    now: Type
    cpu: float
    memory_gib: float
    network_mbps: float
    ebs_mbps: float
    mean_cpu: float
    peaks: Mapping[str, PeakDemand]
    short: tuple[str, ...]
    hidden: tuple[str, ...]
    unmeasured: tuple[str, ...]
    figures: str


@dataclass(frozen=True)
class Dimension:
    """What an instance needs of one dimension.

    Attributes:
        needed: share of the present CPU or memory, or Mbit/s.
        measured: whether there is enough data.
        short: whether the present type is too small.
        hidden: whether saturation hides how much is wanted.
        figures, observed: what was found, for people and for machines.
        thresholds: what it was held to, each with the name of the option.
        peaks: what the peaks of the next 30 days may be, as shares of the present capacity.
    """

    needed: float
    measured: bool = True
    short: bool = False
    hidden: bool = False
    figures: tuple[str, ...] = ()
    observed: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, str] = field(default_factory=dict)
    peaks: PeakDemand | None = None


def say_chance(need: Need, breach: float) -> str:
    return "" if need.hidden else f"Chance of a breach in 30 days: {breach:.1%}."


def change_to(
    case: Case,
    action: str,
    reason: str,
    need: Need,
    target: Type,
    undo: str = "Stop the instance and change its type back.",
) -> Row:
    """The answer that recommends a type, with what else changes with it."""
    now, breach = need.now, breach_of(need, target)
    differences = platform_differences(now, target)
    compared = {
        "platform_differences": differences,
        "cpu_compared_by": "vcpu" if any(pd.isna(each["coremark"]) for each in (now, target)) else "coremark",
        "cpu_ratio": round(target["cpu_ratio"], 4),
        "memory_ratio": round(float(target["memory_gib"] / now["memory_gib"]), 4),
    }
    performance_risk = 0 if need.hidden else int(np.searchsorted(_PERFORMANCE_RISK, breach, side="right"))
    change = Change(
        target=str(target["item"]),
        saving_usd=None if case.price is None else (now["price_usd"] - target["price_usd"]) * HOURS_PER_MONTH,
        # What has more than the present type is not taken back for a breach.
        chance=1 if need.short else 1 - breach,
        confidence=case.confidence * (1 if need.hidden else 1 - breach),
        # What is not measured, or hidden, may be what binds: at least a low risk.
        risk_level=max(performance_risk, 1 if need.unmeasured or need.hidden else 0),
        effort="very_high" if "Architecture" in differences else "high" if "Hypervisor" in differences else "medium",
        restart_needed=True,
        rollback_note=undo,
    )
    judged = replace(case, evidence={**case.evidence, **compared})
    return judged.recommend(action, reason, change, breach_probability=None if need.hidden else breach)


def weigh_instance(case: Case, options: Sizing) -> Row | tuple[Case, Need, Choice]:
    """The same as `weigh` of an instance at list price; or why it needs no judgement, or allows none by its own load."""
    estate = case.estate
    case = priced(case, type_prices(estate).get((case.region, case.config)))
    without_judgement = settled(case, options.min_coverage_pct)
    if without_judgement is not None:
        return without_judgement
    return weigh(case, options, types_by_region(estate).get(case.region), forecast_peaks(estate).get(case.key, {}))


def weigh(
    case: Case, options: Sizing, types: Types | None, risks: Mapping[str, tuple[float, float]]
) -> Row | tuple[Case, Need, Choice]:
    """The case with its evidence, what it needs, and the types that have it, the cheapest first; or why that cannot be said.

    Args:
        types: the catalogue of its region.
        risks: by metric, as `forecast_peaks` gives them for one resource.
    """
    now = None if types is None or case.config is None else types.rows.get(case.config)
    if types is None or now is None:
        described = case.config or "an unnamed type"
        return case.insufficient(f"The price list of {case.region or 'its region'} does not describe {described}.")
    if now["gpu"] > 0:
        return case.insufficient(f"{case.config} has {now['gpu']:g} GPU, whose use is not measured.")
    asked = ("need", case.resource["service"], case.key, *_decisive(options))
    need, dimensions = case.estate.once(asked, lambda: _need_and_dimensions(case, options, now, risks))
    case = replace(
        case,
        evidence=evidence_of(case, options, need, dimensions),
        confidence=case.usage["cpu_utilization"].coverage(case.days) * (1 - len(need.unmeasured) / 8),
    )
    return case, need, fitting_types(options, types, need)


def _decisive(options: Sizing) -> tuple[float, ...]:
    """The thresholds that decide what is needed; the others say which types are looked at."""
    return (
        *(options.min_coverage_pct, options.quantile_pct, options.unmeasured_bandwidth_ratio),
        *(options.cpu_headroom_pct, options.memory_headroom_pct, options.bandwidth_headroom_pct),
        *(options.upsize_probability, options.saturated_growth_ratio),
    )


def _need_and_dimensions(
    case: Case, options: Sizing, now: Type, risks: Mapping[str, tuple[float, float]]
) -> tuple[Need, dict[str, Dimension]]:
    dimensions = dimensions_of(case, options, now, risks)
    return need_of(case, now, dimensions), dimensions


def need_of(case: Case, now: Type, dimensions: Mapping[str, Dimension]) -> Need:
    unmeasured = tuple(name for name, one in dimensions.items() if not one.measured)
    figures = ", ".join(figure for one in dimensions.values() for figure in one.figures)
    note = f"; not measured: {', '.join(unmeasured)}" if unmeasured else ""
    return Need(
        now=now,
        cpu=dimensions["cpu"].needed,
        memory_gib=dimensions["memory"].needed * float(now["memory_gib"]),
        network_mbps=dimensions["network"].needed,
        ebs_mbps=dimensions["ebs"].needed,
        mean_cpu=float(case.usage["cpu_utilization"].mean.mean()) / 100,
        peaks={name: one.peaks for name, one in dimensions.items() if one.peaks is not None},
        short=tuple(name for name, one in dimensions.items() if one.short),
        hidden=tuple(name for name, one in dimensions.items() if one.hidden),
        unmeasured=unmeasured,
        figures=f"Over {case.days} days: {figures}{note}.",
    )


def evidence_of(case: Case, options: Sizing, need: Need, dimensions: Mapping[str, Dimension]) -> dict[str, object]:
    held_to = {"quantile_pct": options.quantile_pct, "breach_probability_max": options.max_breach_probability}
    return {
        **case.how_much_was_seen("cpu_utilization"),
        "unmeasured": list(need.unmeasured),
        "observed": {name: value for one in dimensions.values() for name, value in one.observed.items()},
        "thresholds": {
            **held_to,
            **{name: getattr(options, option) for one in dimensions.values() for name, option in one.thresholds.items()},
        },
    }


def dimensions_of(case: Case, options: Sizing, now: Type, risks: Mapping[str, tuple[float, float]]) -> dict[str, Dimension]:
    """Need by dimension; one that is measured too little counts as not measured."""
    measured = {name: one for name, one in case.usage.items() if 100 * one.coverage(case.days) >= options.min_coverage_pct}
    # CloudWatch counts volumes and local disks apart; other sources know only disks.
    disks = ("ebs_read", "ebs_write") if "ebs_read" in measured else ("disk_read", "disk_write")
    network = _bandwidth(measured, ("network_in", "network_out"), False, options.quantile_pct)
    return {
        "cpu": _utilization_need(options, "cpu", options.cpu_headroom_pct, measured, risks),
        "memory": _utilization_need(options, "memory", options.memory_headroom_pct, measured, risks),
        "network": _bandwidth_need(options, "network", network, float(now["network_mbps"])),
        "ebs": _bandwidth_need(options, "ebs", _bandwidth(measured, disks, True, options.quantile_pct), float(now["ebs_mbps"])),
    }


def _utilization_need(
    options: Sizing,
    name: str,
    headroom_pct: float,
    measured: Mapping[str, Demand],
    risks: Mapping[str, tuple[float, float]],
) -> Dimension:
    """The need of CPU or memory, as a share of what the instance has."""
    demand = measured.get(f"{name}_utilization")
    if demand is None:
        return Dimension(needed=1.0, measured=False)
    peak, sustained = (_percentile(demand, statistic, options.quantile_pct) for statistic in ("max", "mean"))
    forecast_peak, crossing = risks.get(f"{name}_utilization", (0.0, 0.0))
    free = 1 - headroom_pct / 100
    needed = max(peak / 100 / free, forecast_peak)
    likely = crossing > options.upsize_probability and forecast_peak > free
    if likely:
        needed = max(needed, forecast_peak / free)
    saturated = float((demand.p95 >= 100 * SATURATED_RATIO).mean())
    hidden = saturated > HIDDEN_RATIO
    if hidden:
        needed = max(needed, options.saturated_growth_ratio)
    figures = [f"{name} P{options.quantile_pct:g} {peak:.1f} %"]
    if saturated > 0:
        figures.append(f"{name} saturated in {saturated:.1%} of the hours, so that demand may be higher than seen")
    if forecast_peak > 0:
        figures.append(f"{name} forecast peak {100 * forecast_peak:.1f} %")
    observed = {
        f"{name}_quantile_pct": round(peak, 3),
        f"{name}_sustained_pct": round(sustained, 3),
        f"{name}_saturated_ratio": round(saturated, 4),
        f"{name}_forecast_peak_pct": round(100 * forecast_peak, 3),
        f"{name}_p_cross_90d": round(crossing, 4),
    }
    return Dimension(
        needed,
        short=sustained / 100 > free or likely,
        hidden=hidden,
        figures=tuple(figures),
        observed=observed,
        thresholds={f"{name}_headroom_pct": f"{name}_headroom_pct", f"{name}_p_cross_90d": "upsize_probability"},
        peaks=_peaks_of(demand),
    )


def _peaks_of(demand: Demand) -> PeakDemand:
    """What the peaks of the next 30 days may be, worked out once for all rules that ask."""
    known = _PEAKS.get(demand)
    if known is None:
        known = _PEAKS[demand] = peak_demand(demand.hours, demand.p95 / 100, full=1.0)
    return known


def _bandwidth_need(options: Sizing, name: str, used: float | None, present: float) -> Dimension:
    """The need of network or EBS bandwidth in Mbit/s, given what is used (None: not measured) and what the type has (or NaN)."""
    if used is None:
        return Dimension(0.0 if np.isnan(present) else options.unmeasured_bandwidth_ratio * present, measured=False)
    needed = used / (1 - options.bandwidth_headroom_pct / 100)
    return Dimension(
        needed,
        short=needed > present,
        figures=(f"{name} P{options.quantile_pct:g} {used:.1f} Mbit/s",),
        observed={f"{name}_quantile_mbps": round(used, 3)},
        thresholds={f"{name}_headroom_pct": "bandwidth_headroom_pct"},
    )


def fitting_types(options: Sizing, types: Types, need: Need) -> Choice:
    """The types that have what is needed, in the order of the catalogue."""
    movable = Movable(options.allow_arch_change, options.allow_burstable, options.max_coremark_credit)
    allowed = types.movable_from(need.now, movable)
    return allowed.where(
        (allowed.cpu_ratio >= need.cpu - 1e-9)
        & (need.mean_cpu <= allowed.cpu_ratio * allowed["baseline"])
        & (allowed["memory_gib"] >= need.memory_gib - 1e-9)
        # What is not known of a type is nothing.
        & ((allowed["network_mbps"] >= need.network_mbps) | (need.network_mbps <= 0))
        & ((allowed["ebs_mbps"] >= need.ebs_mbps) | (need.ebs_mbps <= 0))
    )


def breach_of(need: Need, target: Type) -> float:
    """The larger of the chances that CPU or memory demand exceeds the target within 30 days."""
    room = {"cpu": float(target.get("cpu_ratio", 1.0)), "memory": float(target["memory_gib"] / need.now["memory_gib"])}
    return max(peaks.breach_probability(room[name]) for name, peaks in need.peaks.items())


def _bandwidth(measured: Mapping[str, Demand], names: tuple[str, str], together: bool, quantile_pct: float) -> float | None:
    """Sustained Mbit/s: both directions added where they share a limit, else the busier one; None unless both are known."""
    if not all(name in measured for name in names):
        return None
    one, other = (measured[name] for name in names)
    if not together:
        return max(_percentile(one, "mean", quantile_pct), _percentile(other, "mean", quantile_pct))
    if np.array_equal(one.hours, other.hours):
        return percentile(one.mean + other.mean, quantile_pct)
    both = [pd.Series(each.mean, index=pd.DatetimeIndex(each.hours)) for each in (one, other)]
    return float(np.percentile(both[0].add(both[1], fill_value=0.0), quantile_pct))


def _percentile(demand: Demand, statistic: str, quantile_pct: float) -> float:
    """Of the hours' means or maxima, worked out once for all rules that ask."""
    known = _PERCENTILES.setdefault(demand, {})
    asked = (statistic, quantile_pct)
    if asked not in known:
        known[asked] = percentile(getattr(demand, statistic), quantile_pct)
    return known[asked]


def forecast_peaks(estate: Estate) -> dict[Key, dict[str, tuple[float, float]]]:
    """By resource and metric: the P95 peak of the forecast as a share of capacity, and the chance of a shortage in 90 days.

    Of several granularities the more alarming counts.
    """
    return estate.once("forecast_peaks", lambda: _forecast_peaks(newest_risk(estate)))


def _forecast_peaks(risk: pd.DataFrame) -> dict[Key, dict[str, tuple[float, float]]]:
    risk = risk.loc[risk["threshold_pct"] == _SHORT_PCT]
    figures = risk.assign(peak=1 - risk["headroom_ratio"], crossing=risk["p_cross_90d"].fillna(0.0))
    worst = figures.groupby("series_id", sort=True)[["key", "metric", "peak", "crossing"]].agg(
        {"key": "first", "metric": "first", "peak": "max", "crossing": "max"}
    )
    found: dict[Key, dict[str, tuple[float, float]]] = {}
    for key, metric, peak, crossing in worst.itertuples(index=False, name=None):
        found.setdefault(key, {})[metric] = (0.0 if np.isnan(peak) else float(peak), float(crossing))
    return found
