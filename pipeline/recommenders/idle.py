"""EC2 instances that do nothing: stop them, or terminate them when next to nothing is left.

"Idle" is not "unneeded": a standby or a disaster-recovery instance looks the same, hence an answer that can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import betaln

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Demand, Estate
from pipeline.advice.hindsight import Missed
from pipeline.advice.instances import priced, settled
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_prices, price_lists
from pipeline.advice.words import write_megabytes

RULE_VERSION = "4"
SERVICES = frozenset({"ec2", "server"})

_NEXT_DAYS = 30


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of hours with CPU utilization needed to judge.")
    max_cpu_pct: float = Field(5, gt=0, le=20, description="Idle when the peak CPU utilization lies below this.")
    max_network_mb_per_day: float = Field(5, ge=0, le=1000, description="… and on no day more than this came in and out.")
    strict_cpu_pct: float = Field(
        1,
        ge=0,
        le=20,
        description="Idle whatever the network says, if it says nothing, when the peak CPU is at most this.",
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every EC2 instance, and every server that is one: stop, terminate, keep or insufficient_data.

    An instance is idle when its peak CPU utilization is below 5 % and its network traffic below 5 MB on every day of
    the lookback. Without network metrics only the stricter rule, peak CPU at most 1 %, applies. When both are
    met it is to be terminated, otherwise stopped. The saving is the on-demand price of the instance; volumes stay and
    are still paid for. `confidence` is the chance that the next 30 days are as quiet, given the quiet days seen
    (Jeffreys prior), times the coverage; it is also the chance that the saving holds.

    Source: AWS Compute Optimizer, idle EC2 instances; AWS Cost Explorer rightsizing for the strict rule.
    """
    prices = monthly_prices(price_lists(estate, "ec2", "hour"), HOURS_PER_MONTH)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, options, prices) for case in judged])


def _judge(case: Case, options: Options, prices: Mapping[tuple[str, str | None], Price]) -> Row:
    case = priced(case, prices.get((case.region, case.config)))
    without_judgement = settled(case, options.min_coverage_pct)
    if without_judgement is not None:
        return without_judgement
    peak = float(case.usage["cpu_utilization"].max.max())
    network = _busiest_day_mb(case, options.min_coverage_pct)
    case = replace(case, evidence=_evidence(case, options, peak, network))
    strict = peak <= options.strict_cpu_pct
    quiet = network is not None and peak < options.max_cpu_pct and network < options.max_network_mb_per_day
    traffic = "no network metric" if network is None else f"at most {write_megabytes(network)} of network traffic a day"
    if not quiet and not (strict and network is None):
        return case.keep(f"In use: peak CPU {peak:.1f} %, {traffic}, over {case.days} days.")
    reason = f"Idle for {case.days} days: peak CPU {peak:.2f} %, {traffic}. Its volumes stay and are still paid for."
    return _switch_off(case, reason, strict and quiet, risk_level=1 if quiet else 2)


def missed(answer: Mapping[str, Any], evidence: Mapping[str, Any], seen: Mapping[str, Demand], options: Options) -> Missed:
    """In which hours of the days after it what was to be stopped would have been missed: those in which it was not idle.

    Where the network was not known, the stricter rule holds; an hour also counts if it is of a day with more traffic than idle.
    """
    cpu = seen["cpu_utilization"]
    strict = evidence["observed"]["network_max_mb_per_day"] is None
    used = cpu.max > options.strict_cpu_pct if strict else cpu.max >= options.max_cpu_pct
    days = cpu.hours.astype("datetime64[D]")
    network = None if strict else _megabytes_by_day(seen, len(np.unique(days)), options.min_coverage_pct)
    if network is not None:
        of, megabytes = network
        used = used | np.isin(days, of[megabytes >= options.max_network_mb_per_day])
    return Missed(used, stated=1 - float(answer["confidence"]), tolerated_ratio=0.0)


def _switch_off(case: Case, reason: str, for_good: bool, risk_level: int) -> Row:
    chance = _chance_of_quiet(case.days) * case.usage["cpu_utilization"].coverage(case.days)
    change = Change(
        target=None,
        saving_usd=None if case.price is None else case.price.monthly_usd,
        chance=chance,
        confidence=chance,
        risk_level=risk_level,
        effort="low",
        rollback_possible=not for_good,
        rollback_note="None after termination: take an image first, or stop it and wait."
        if for_good
        else "Start the instance again; public IPv4 addresses and instance store content change.",
    )
    return case.recommend("terminate" if for_good else "stop", reason, change)


def _evidence(case: Case, options: Options, peak: float, network: float | None) -> dict[str, object]:
    return {
        **case.how_much_was_seen("cpu_utilization"),
        "observed": {
            "cpu_max_pct": round(peak, 3),
            "network_max_mb_per_day": None if network is None else round(network, 3),
        },
        "thresholds": {
            "cpu_max_pct": options.max_cpu_pct,
            "network_max_mb_per_day": options.max_network_mb_per_day,
            "cpu_max_pct_without_network": options.strict_cpu_pct,
        },
    }


def _busiest_day_mb(case: Case, min_coverage_pct: float) -> float | None:
    """Megabytes in and out on the busiest day; None unless both directions are measured well enough."""
    network = _megabytes_by_day(case.usage, case.days, min_coverage_pct)
    return None if network is None else float(network[1].max())


def _megabytes_by_day(
    usage: Mapping[str, Demand], days: int, min_coverage_pct: float
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]] | None:
    """Days, and megabytes in and out on each; None unless both directions are measured well enough."""
    directions = [usage.get(name) for name in ("network_in", "network_out")]
    known = [one for one in directions if one is not None and 100 * one.coverage(days) >= min_coverage_pct]
    if len(known) < len(directions):
        return None
    names = np.unique(np.concatenate([one.hours.astype("datetime64[D]") for one in known]))
    total = np.zeros(len(names))
    for one in known:
        place = np.searchsorted(names, one.hours.astype("datetime64[D]"))
        hours = np.bincount(place, minlength=len(names))
        # The mean rate of the hours seen stands for the day, so that a missing hour does not count as silence.
        total += np.bincount(place, one.mean, minlength=len(names)) / np.maximum(hours, 1) * 86_400 / 8
    return names, total


def _chance_of_quiet(days: int) -> float:
    """Chance that the next 30 days are quiet after `days` quiet ones: Beta-Bernoulli with Jeffreys' prior."""
    return float(np.exp(betaln(0.5, days + 0.5 + _NEXT_DAYS) - betaln(0.5, days + 0.5)))
