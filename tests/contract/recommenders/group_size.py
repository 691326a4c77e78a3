"""Groups of a fixed size that do little, and those whose hours are shares of nobody knows how many instances."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_hour, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [{"service": "ec2", "item": "m5.large", "unit": "hour", "price_usd": 0.096}]


def group(name: str, instances: int = 10, state: str = "fixed", **more: Any) -> dict[str, Any]:
    known = {"instance_type": f"{instances} x m5.large", "types": "m5.large", "desired": instances, "zones": 3, **more}
    return resource(f"autoScalingGroupName/{name}", "autoscaling", state, **known)


def member(name: str, of: str, **facts: Any) -> dict[str, Any]:
    tags = {"aws:autoscaling:groupName": of}
    return resource(name, "ec2", "running", instance_type="m5.large", tags=tags, **facts)


def cpu(name: str, share: float | np.ndarray, **more: Any) -> pd.DataFrame:
    return by_hour(f"autoScalingGroupName/{name}", "cpu_utilization", share, **more)


_SEEN = ("calm", "mixed", "licensed", "filled", "lately", "changed", "changes", "young", "unsaid", "zero")
SITUATIONS = {
    "groups": Situation(
        active(
            [
                group("calm"),
                group("zoned", zones=5),
                group("busy"),
                group("pair", 2),
                group("mixed", instance_type=None, types="m5.large,m5.xlarge"),
                group("licensed"),
                group("filled"),
                group("lately", state_since=AS_OF - timedelta(days=3)),
                group("changed", config_changed_at=AS_OF - timedelta(days=3)),
                group("changes", state="scaling"),
                group("unsaid", desired=None),
                group("zero", 0),
                group("unseen"),
                group("young", launched_at=AS_OF - timedelta(days=2)),
                member("i-1", "calm", platform="Linux/UNIX"),
                member("i-2", "licensed", platform="Windows"),
                member("i-3", "filled"),
            ],
            usage=[
                *(cpu(name, 20) for name in _SEEN),
                cpu("zoned", 20),
                cpu("busy", 75),
                cpu("pair", 2),
                by_hour("i-1", "memory_utilization", 30),
                by_hour("i-3", "memory_utilization", 70),
            ],
            prices=PRICES,
        ),
        {
            # Of ten 20 % are two, of which each may be 80 % busy: two and a half. Memory wants 3.75.
            "autoScalingGroupName/calm": Says(
                "rightsize",
                "4 of 10 instances serve what it does",
                {"savings_monthly_usd": pytest.approx(6 * 0.096 * 730), "target_config": "4 × m5.large"},
            ),
            "autoScalingGroupName/zoned": Says("rightsize", "5 of 10 instances", {"risk_level": 3}),
            "autoScalingGroupName/busy": Says("keep", "10 instances are no more than it needs"),
            "autoScalingGroupName/pair": Says("keep", "2 instances are no more"),
            "autoScalingGroupName/mixed": Says("insufficient_data", "of several types"),
            "autoScalingGroupName/licensed": Says(
                "rightsize", "No dollars: the price list is of Linux on demand, and this is Windows"
            ),
            "autoScalingGroupName/filled": Says("rightsize", "9 of 10 instances"),
            "autoScalingGroupName/lately": Says("insufficient_data", "known for 3 days only"),
            "autoScalingGroupName/changed": Says("insufficient_data", "10 × m5.large only since 2026-03-12"),
            "autoScalingGroupName/changes": Says("insufficient_data", "Its size changes"),
            "autoScalingGroupName/unsaid": Says("insufficient_data", "how many instances it has"),
            "autoScalingGroupName/zero": Says("keep", "It has no instance", {"monthly_cost_usd": 0.0}),
            "autoScalingGroupName/unseen": Says("insufficient_data", "No CPU utilization"),
            "autoScalingGroupName/young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(share: float | np.ndarray = 20, **more: Any) -> Estate:
    return active([group("1")], usage=[cpu("1", share, **more)], prices=PRICES)


_HOURS = 14 * 24
OPTIONS = {
    "min_coverage_pct": Changed(60, _one(days=10)),
    "quantile_pct": Changed(90, _one(np.where(np.arange(_HOURS) % 20 == 0, 70.0, 40.0))),
    "cpu_headroom_pct": Changed(70, _one()),
    "min_instances": Changed(8, _one()),
    "min_savings_usd": Changed(10_000, _one()),
}
