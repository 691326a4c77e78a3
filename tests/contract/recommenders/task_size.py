"""Services whose tasks are too large, right, too small, and of which too little is known."""

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

PRICES = [
    {"service": "ecs", "item": f"Fargate x86 {part}", "unit": "hour", "price_usd": usd}
    for part, usd in (("vCPU", 0.04048), ("GB", 0.004445))
]


def service(name: str, size: str | None = "2048/8192", state: str = "active", **more: Any) -> dict[str, Any]:
    known = {"runs_on": "FARGATE", "tasks": 3, "architecture": "X86_64", "system": "LINUX", "scaled_by": "nothing", **more}
    return resource(f"service/shop/{name}", "ecs", state, instance_type=size, **known)


def used(name: str, cpu: float | np.ndarray, memory: float, **more: Any) -> list[pd.DataFrame]:
    """The highest CPU and memory of each hour, in percent of what a task has."""
    return [
        by_hour(f"service/shop/{name}", "cpu_utilization", cpu, **more),
        by_hour(f"service/shop/{name}", "memory_utilization", memory, **more),
    ]


_QUIET = ("quiet", "cpu-kept", "memory-kept", "kept", "stepped", "arm", "spot", "on-ec2", "young", "resized", "off", "gone")
_CHANGED = AS_OF - timedelta(days=3)
SITUATIONS = {
    "services": Situation(
        active(
            [
                service("quiet"),
                service("right"),
                service("busy"),
                service("cpu-kept", scaled_by="cpu"),
                service("memory-kept", scaled_by="memory"),
                service("kept", scaled_by="cpu,memory"),
                service("stepped", scaled_by="other"),
                service("arm", architecture="ARM64"),
                service("spot", runs_on="FARGATE,FARGATE_SPOT"),
                service("on-ec2", runs_on="EC2"),
                service("unsaid", None),
                service("off", tasks=0),
                service("gone", state="draining"),
                service("unseen"),
                service("young", launched_at=AS_OF - timedelta(days=2)),
                service("resized", config_changed_at=_CHANGED),
                service("small", "256/512", tasks=1),
            ],
            usage=[
                *(part for name in _QUIET for part in used(name, 18, 20)),
                *used("right", 60, 20),
                *used("busy", 85, 20),
                *used("small", 5, 5),
            ],
            prices=PRICES,
        ),
        {
            # 18 % of two are 0.36 of a CPU and 20 % of eight 1.6 GiB; with a fifth to spare 0.45 and 2 GiB: half a CPU, two GiB.
            "service/shop/quiet": Says(
                "rightsize",
                "Tasks of 0.5 vCPU, 2 GiB",
                {
                    "savings_monthly_usd": pytest.approx(3 * 730 * (1.5 * 0.04048 + 6 * 0.004445)),
                    "monthly_cost_usd": pytest.approx(3 * 730 * (2 * 0.04048 + 8 * 0.004445)),
                    "target_config": "0.5 vCPU, 2 GiB × 3",
                },
            ),
            "service/shop/right": Says("rightsize", "2 vCPU, 4 GiB serve"),
            "service/shop/busy": Says("investigate", "may be too small"),
            "service/shop/cpu-kept": Says("rightsize", "Tasks of 2 vCPU, 4 GiB serve"),
            "service/shop/memory-kept": Says("rightsize", "Tasks of 1 vCPU, 8 GiB serve"),
            "service/shop/kept": Says("insufficient_data", "scaled by cpu,memory"),
            "service/shop/stepped": Says("insufficient_data", "scaled by other"),
            "service/shop/arm": Says("rightsize", "No dollars: there is no list price of FARGATE, LINUX on ARM64"),
            "service/shop/spot": Says("rightsize", "No dollars: there is no list price of FARGATE,FARGATE_SPOT"),
            "service/shop/on-ec2": Says("insufficient_data", "run on instances"),
            "service/shop/unsaid": Says("insufficient_data", "how large its tasks are"),
            "service/shop/off": Says("keep", "runs no task", {"monthly_cost_usd": 0.0}),
            "service/shop/gone": Says("insufficient_data", "draining"),
            "service/shop/unseen": Says("insufficient_data", "No CPU utilization in the last 14 days"),
            "service/shop/young": Says("insufficient_data", "Launched 2.0 days ago"),
            "service/shop/resized": Says("insufficient_data", "only since 2026-03-12"),
            "service/shop/small": Says("keep", "No smaller size"),
        },
    )
}


def _one(cpu: float | np.ndarray = 18, memory: float = 20, **more: Any) -> Estate:
    return active([service("1")], usage=used("1", cpu, memory, **more), prices=PRICES)


_HOURS = 14 * 24
OPTIONS = {
    "min_coverage_pct": Changed(60, _one(days=10)),
    "quantile_pct": Changed(90, _one(np.where(np.arange(_HOURS) % 20 == 0, 70.0, 18.0))),
    "cpu_headroom_pct": Changed(70, _one()),
    "memory_headroom_pct": Changed(60, _one()),
    "min_savings_usd": Changed(1000, _one()),
}
