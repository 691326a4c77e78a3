"""Caches that are asked, that are not, alone and in a replication group."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [{"service": "elasticache", "item": "cache.m6g.12xlarge redis", "unit": "hour", "price_usd": 3.557}]


def cache(name: str, state: str | None = "available", **more: Any) -> dict[str, Any]:
    known = {"instance_type": "cache.m6g.12xlarge", "engine": "redis", "nodes": 1, **more}
    return resource(f"cluster:{name}", "elasticache", state, **known)


def seen(name: str, connections: float = 0, cpu: float = 0.3, **more: Any) -> list[pd.DataFrame]:
    """A node's engine and its new connections; without commands there is none of the other metrics."""
    return [
        by_day(f"cluster:{name}", "EngineCPUUtilization", cpu, **more),
        by_day(f"cluster:{name}", "NewConnections", connections, **more),
    ]


SITUATIONS = {
    "caches": Situation(
        active(
            [
                cache("idle"),
                cache("used"),
                cache("busy"),
                cache("asked"),
                cache("pair-1", replication_group="pair"),
                cache("pair-2", replication_group="pair"),
                cache("calm-1", replication_group="calm"),
                cache("calm-2", replication_group="calm"),
                cache("half-1", replication_group="half"),
                cache("half-2", replication_group="half"),
                cache("valkey", engine="valkey"),
                cache("memcached", engine="memcached"),
                cache("making", "creating"),
                cache("unseen"),
                cache("young", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(
                part
                for name in ("idle", "asked", "pair-1", "calm-1", "calm-2", "half-1", "valkey", "memcached", "making", "young")
                for part in seen(name)
            ),
            *seen("used", connections=0.01),
            *seen("pair-2", connections=0.01),
            *seen("busy", cpu=1.0),
            by_day("cluster:asked", "CacheMisses", 1, days=1, samples=1),
            prices=PRICES,
        ),
        {
            "cluster:idle": Says(
                "delete", "no new connection and no command in the last 14", {"savings_monthly_usd": pytest.approx(3.557 * 730)}
            ),
            "cluster:used": Says("keep", "up to 2.88 new connections"),
            "cluster:busy": Says("keep", "up to 1 % CPU"),
            "cluster:asked": Says("keep", "up to 1 misses"),
            "cluster:pair-1": Says("keep", "Part of a whole that is in use: cluster:pair-2"),
            "cluster:pair-2": Says("keep", "In use"),
            "cluster:calm-1": Says("delete", "every other node of calm", {"savings_monthly_usd": pytest.approx(3.557 * 730)}),
            "cluster:calm-2": Says("delete", "every other node of calm"),
            "cluster:half-1": Says("insufficient_data", "The metrics of cluster:half-2, part of the same whole, cover 0.0 %"),
            "cluster:valkey": Says("delete", "No dollars: there is no list price of cache.m6g.12xlarge with valkey"),
            "cluster:memcached": Says("insufficient_data", "Its engine is memcached"),
            "cluster:making": Says("insufficient_data", "creating"),
            "cluster:unseen": Says("insufficient_data", "0.0 % of the last 14 days"),
            "cluster:young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([cache("1")], *seen("1", **more), prices=PRICES)


OPTIONS = {
    "idle_days": Changed(20, _one(days=14)),
    "min_coverage_pct": Changed(70, _one(samples=216)),
    "max_cpu_pct": Changed(2, _one(cpu=1.5)),
}
