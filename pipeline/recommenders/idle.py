"""EC2 instances that do nothing: stop them, or terminate them when next to nothing is left.

"Idle" is not "unneeded": a standby or a disaster-recovery instance looks the same, hence an answer that can be undone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import betaln

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

RULE_ID = "idle"
RULE_VERSION = "1"
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
    (Jeffreys prior), times the coverage; `savings_low_usd` is the saving times that chance.

    Source: AWS Compute Optimizer, idle EC2 instances; AWS Cost Explorer rightsizing for the strict rule.
    """
    demand = demand_by_resource(estate)
    prices = hourly_prices(estate, "ec2")
    return recommendations(
        [
            _judge(estate, options, key, resource, demand.get(key, {}), prices.get(key[1]))
            for key, resource in resources_of(estate, SERVICES)
        ]
    )


def _judge(
    estate: Estate,
    options: Options,
    key: Key,
    resource: pd.Series,
    metrics: Mapping[str, Demand],
    prices: pd.DataFrame | None,
) -> dict[str, object]:
    rule, days = (RULE_ID, RULE_VERSION), estate.lookback_days
    service = str(resource["service"])
    current = resource.get("instance_type")
    config = None if pd.isna(current) else str(current)
    if not is_running(resource):
        return answer(
            estate,
            rule,
            key,
            service,
            "keep",
            f"Already {resource['state']}.",
            current_config=config,
            monthly_cost_usd=0.0,
        )
    price, price_as_of = _price(prices, config)
    cost = None if price is None else price * HOURS_PER_MONTH
    known: dict[str, Any] = {"current_config": config, "monthly_cost_usd": cost, "price_as_of": price_as_of}
    unknown = not_judged(estate, resource, metrics, days, options.min_coverage_pct)
    if unknown:
        return answer(estate, rule, key, service, "insufficient_data", unknown, **known)
    cpu = metrics["cpu_utilization"]
    coverage = cpu.coverage(days)
    peak = float(cpu.max.max())
    network = _busiest_day_mb(metrics, days, options.min_coverage_pct)
    evidence: dict[str, object] = {
        "window_days": days,
        "n_points": len(cpu.hours),
        "coverage": round(coverage, 4),
        "cpu_max_pct": round(peak, 3),
        "network_max_mb_per_day": None if network is None else round(network, 3),
        "max_cpu_pct": options.max_cpu_pct,
        "max_network_mb_per_day": options.max_network_mb_per_day,
        "strict_cpu_pct": options.strict_cpu_pct,
    }
    strict = peak <= options.strict_cpu_pct
    quiet = network is not None and peak < options.max_cpu_pct and network < options.max_network_mb_per_day
    traffic = "no network metric" if network is None else f"at most {network:,.1f} MB of network traffic a day"
    if not quiet and not (strict and network is None):
        return answer(
            estate,
            rule,
            key,
            service,
            "keep",
            f"In use: peak CPU {peak:.1f} %, {traffic}, over {days} days.",
            evidence,
            **known,
        )
    action = "terminate" if strict and quiet else "stop"
    confidence = _chance_of_quiet(days) * coverage
    return answer(
        estate,
        rule,
        key,
        service,
        action,
        f"Idle for {days} days: peak CPU {peak:.2f} %, {traffic}. Its volumes stay and are still paid for.",
        evidence,
        **known,
        target_config=None,
        savings_monthly_usd=cost,
        savings_low_usd=None if cost is None else cost * confidence,
        savings_high_usd=cost,
        confidence=confidence,
        risk_level=1 if quiet else 2,
        effort="low",
        rollback_possible=action == "stop",
        rollback_note="Start the instance again; public IPv4 addresses and instance store content change."
        if action == "stop"
        else "None after termination: take an image first, or stop it and wait.",
    )


def _busiest_day_mb(metrics: Mapping[str, Demand], days: int, min_coverage_pct: float) -> float | None:
    """Megabytes in and out on the busiest day; None unless both directions are measured well enough."""
    total: pd.Series | None = None
    for name in ("network_in", "network_out"):
        one = metrics.get(name)
        if one is None or 100 * one.coverage(days) < min_coverage_pct:
            return None
        by_hour = pd.Series(one.mean, index=pd.DatetimeIndex(one.hours))
        # The mean rate of the hours seen stands for the day, so that a missing hour does not count as silence.
        megabytes = by_hour.groupby(by_hour.index.floor("D")).mean() * 86_400 / 8
        total = megabytes if total is None else total.add(megabytes, fill_value=0.0)
    return None if total is None else float(total.max())


def _chance_of_quiet(days: int) -> float:
    """Chance that the next 30 days are quiet after `days` quiet ones: Beta-Bernoulli with Jeffreys' prior."""
    return float(np.exp(betaln(0.5, days + 0.5 + _NEXT_DAYS) - betaln(0.5, days + 0.5)))


def _price(prices: pd.DataFrame | None, item: str | None) -> tuple[float | None, pd.Timestamp | None]:
    if prices is None or item not in prices.index:
        return None, None
    price = prices.at[item, "price_usd"]
    return (None, None) if pd.isna(price) else (float(price), prices.at[item, "price_as_of"])
