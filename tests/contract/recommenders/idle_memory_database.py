"""MemoryDB clusters that are asked, and that are not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [{"service": "memorydb", "item": "db.r6g.large redis", "unit": "hour", "price_usd": 0.309}]


def cluster(name: str, state: str | None = "available", **more: Any) -> dict[str, Any]:
    known = {"instance_type": "db.r6g.large", "engine": "redis", "nodes": 4, "launched_at": None, **more}
    return resource(f"cluster/{name}", "memorydb", state, **known)


def seen(name: str, cpu: float = 0.3, **more: Any) -> list[pd.DataFrame]:
    return [
        by_day(f"cluster/{name}", "EngineCPUUtilization", cpu, **more),
        by_day(f"cluster/{name}", "NewConnections", 0, **more),
    ]


SITUATIONS = {
    "clusters": Situation(
        active(
            [
                cluster("idle"),
                cluster("asked"),
                cluster("unpriced", instance_type="db.r7g.large"),
                cluster("uncounted", nodes=None),
                cluster("making", "creating"),
                cluster("unseen"),
            ],
            *(part for name in ("idle", "asked", "unpriced", "uncounted", "making") for part in seen(name)),
            by_day("cluster/asked", "KeyspaceHits", 2, days=1, samples=1),
            prices=PRICES,
        ),
        {
            "cluster/idle": Says("delete", "in the last 14 days", {"savings_monthly_usd": pytest.approx(4 * 0.309 * 730)}),
            "cluster/asked": Says("keep", "up to 2 hits"),
            "cluster/unpriced": Says("delete", "No dollars: there is no list price of db.r7g.large"),
            "cluster/uncounted": Says("delete", "No dollars"),
            "cluster/making": Says("insufficient_data", "creating"),
            "cluster/unseen": Says("insufficient_data", "0.0 % of the last 14 days"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([cluster("1")], *seen("1", **more), prices=PRICES)


OPTIONS = {
    "idle_days": Changed(20, _one(days=14)),
    "min_coverage_pct": Changed(70, _one(samples=216)),
    "max_cpu_pct": Changed(2, _one(cpu=1.5)),
}
