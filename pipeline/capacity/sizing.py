"""How much of its present capacity a machine needs, as each of the known rules says it from the hours that it has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.capacity.peak import PeakDemand, peak_demand
from pipeline.forecasting.panel import Floats

#: Dimensions of a machine that a size is chosen by.
CPU, MEMORY = "cpu", "memory"
#: A machine in use at this share of its capacity hides how much more is wanted …
SATURATED_RATIO = 0.99
#: … and where it is so in more than this share of the hours, as a breach counts, nobody knows what would fit.
HIDDEN_RATIO = 0.01
#: Larger than any machine: nothing smaller fits.
_ALL = np.inf


@dataclass(frozen=True)
class Preset:
    """Thresholds of a size.

    Attributes:
        quantile_pct: percentile of demand that must fit.
        cpu_headroom_pct, memory_headroom_pct: shares of the target to keep free of it.
        max_breach_probability: largest acceptable chance of a breach; 1 where it is stated, but does not decide.
    """

    quantile_pct: float
    cpu_headroom_pct: float
    memory_headroom_pct: float
    max_breach_probability: float = 1.0


#: The first four are those of AWS Compute Optimizer (rightsizing preferences of EC2), which knows no chance of a breach. Ours is
#: its default, and at least the 90 % quantile of the peaks to come: what has a chance of 10 % to be exceeded.
PRESETS: dict[str, Preset] = {
    "max_savings": Preset(90, 0, 10),
    "balanced": Preset(95, 30, 30),
    "default": Preset(99.5, 20, 20),
    "max_performance": Preset(99.5, 30, 30),
    "ours": Preset(99.5, 20, 20, 0.1),
}


@dataclass(frozen=True)
class Seen:
    """The hours of one dimension of one machine, oldest first, as shares of its capacity.

    Attributes:
        ts: (h,) their begins.
        p95, peak: (h,) of the samples in each.
        future: what the peaks to come may be.
    """

    ts: npt.NDArray[np.datetime64]
    p95: Floats
    peak: Floats
    future: PeakDemand

    @property
    def hidden(self) -> bool:
        return bool((self.p95 >= SATURATED_RATIO).mean() > HIDDEN_RATIO)


def look_at(ts: npt.NDArray[np.datetime64], p95: Floats, peak: Floats, days: int) -> Seen:
    """The hours of one dimension, with what may come in the next `days`.

    Raises:
        ValueError: fewer than two days with at least half their hours.
    """
    return Seen(ts, p95, peak, peak_demand(ts, p95, days, full=1.0))


#: What a rule asks of one dimension, as a share of what there is; `inf` where nothing smaller will do.
Rule = Callable[[str, Seen], float]


def by_preset(preset: Preset) -> Rule:
    """A percentile of the hours' maxima and headroom, and where the chance of a breach decides, what makes it small enough."""

    def need(dimension: str, seen: Seen) -> float:
        headroom_pct = preset.cpu_headroom_pct if dimension == CPU else preset.memory_headroom_pct
        asked = float(np.percentile(seen.peak, preset.quantile_pct)) / (1 - headroom_pct / 100)
        if preset.max_breach_probability >= 1:
            return asked
        return _ALL if seen.hidden else max(asked, capacity_at_chance(seen.future, preset.max_breach_probability))

    return need


def capacity_at_chance(future: PeakDemand, chance: float) -> float:
    """The smallest capacity, in the unit of the demand, whose chance of a breach is at most `chance`.

    It is a quantile of the peaks to come.

    Raises:
        ValueError: the chance is not between 0 and 1.
    """
    if not 0 < chance < 1:
        raise ValueError(f"a chance lies between 0 and 1, got {chance}")
    low, high = float(future.log_peaks.min()) - 1, float(future.log_peaks.max()) + 1
    while future.breach_probability(float(np.exp(high))) > chance:
        high += 2
    while future.breach_probability(float(np.exp(low))) <= chance:
        low -= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if future.breach_probability(float(np.exp(middle))) > chance else (low, middle)
    return float(np.exp(high))


def _cost_explorer(dimension: str, seen: Seen) -> float:
    """Idle at a maximum of 1 %; at one below 40 % the size of which that is less than 80 %; else as it is."""
    highest = float(seen.peak.max())
    if dimension == CPU and highest >= 0.4:
        return _ALL
    return highest / 0.8


def _krr(dimension: str, seen: Seen) -> float:
    """P95 of CPU, and the highest memory and 15 % more."""
    return float(np.percentile(seen.peak, 95)) if dimension == CPU else 1.15 * float(seen.peak.max())


def _vpa(_: str, seen: Seen) -> float:
    """P90, of which an hour counts half as much as one a day later, and 15 % more."""
    age = (seen.ts[-1] - seen.ts) / np.timedelta64(24, "h")
    order, weight = np.argsort(seen.peak, kind="stable"), 0.5**age
    place = int(np.searchsorted(np.cumsum(weight[order]), 0.9 * weight.sum()))
    return 1.15 * float(seen.peak[order[min(place, len(order) - 1)]])


#: Name → rule. Sources: AWS Compute Optimizer, rightsizing preferences; AWS Cost Explorer, rightsizing (as documented in 2020);
#: robusta-dev/krr, strategy simple; the recommender of Kubernetes' Vertical Pod Autoscaler, default flags.
RULES: Mapping[str, Rule] = {
    "ours": by_preset(PRESETS["ours"]),
    "CO max savings": by_preset(PRESETS["max_savings"]),
    "CO balanced": by_preset(PRESETS["balanced"]),
    "CO default": by_preset(PRESETS["default"]),
    "CO max performance": by_preset(PRESETS["max_performance"]),
    "Cost Explorer": _cost_explorer,
    "KRR": _krr,
    "VPA": _vpa,
}
