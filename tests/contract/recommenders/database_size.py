"""Databases that are too large, too small, right, or not to be judged by their load."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.contract.recommenders.idle_database import database
from tests.support.activity import AS_OF, active, by_hour
from tests.support.instances import PRICES as TYPES
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

_MEMORY = {"item": "r5.large", "price_usd": 0.126, "vcpu": 2, "memory_gib": 16, "coremark": 29_000, "network_mbps": 750.0}
_EC2 = [*TYPES.to_dict("records"), {**TYPES.iloc[0].to_dict(), **_MEMORY}]
PRICES = _EC2 + [
    {"service": "rds", "item": item, "unit": "hour", "price_usd": usd}
    for item, usd in (
        ("db.m5.large", 0.171),
        ("db.m5.xlarge", 0.342),
        ("db.r5.large", 0.24),
        ("db.m7g.xlarge", 0.325),
        ("db.m5.xlarge PostgreSQL", 0.356),
    )
]
_CLASS = {"instance_type": "db.m5.xlarge"}


def load(name: str, cpu: float, peak: float | None = None) -> list[pd.DataFrame]:
    rates = ("NetworkReceiveThroughput", "NetworkTransmitThroughput", "ReadThroughput", "WriteThroughput")
    return [by_hour(name, "cpu_utilization", cpu, peak), *(by_hour(name, rate, 10.0) for rate in rates)]


def one(cpu: float, peak: float | None = None, **more: Any) -> Estate:
    return active([database("db:1", **{**_CLASS, **more})], usage=load("db:1", cpu, peak), prices=PRICES)


_SAVES = {"target_config": "db.r5.large", "savings_high_usd": pytest.approx((0.342 - 0.24) * 730), "restart_needed": True}
SITUATIONS = {
    "databases": Situation(
        active(
            [
                database("db:large", **_CLASS),
                database("db:right", **_CLASS),
                database("db:small", **_CLASS),
                database("db:pg", engine="postgres", **_CLASS),
                database("db:licensed", engine="oracle-se2", **_CLASS),
                database("db:unseen", **_CLASS),
                database("db:resized", config_changed_at=AS_OF - timedelta(days=2), **_CLASS),
                database("db:odd", instance_type="db.x9.large"),
                database("db:stopped", "stopped", **_CLASS),
            ],
            usage=[
                *(frame for name in ("large", "pg", "licensed", "resized", "odd") for frame in load(f"db:{name}", 20)),
                *load("db:right", 60),
                *load("db:small", 95),
            ],
            prices=PRICES,
        ),
        {
            # Half of its vCPUs and all of its memory.
            "db:large": Says("rightsize", "db.r5.large serves the demand on db.m5.xlarge.*not measured: memory", _SAVES),
            "db:right": Says("keep", "No cheaper class"),
            "db:small": Says("investigate", "too small in cpu"),
            # No other class is listed with PostgreSQL.
            "db:pg": Says("keep", "No cheaper class", {"monthly_cost_usd": pytest.approx(0.356 * 730)}),
            "db:licensed": Says("keep", "No dollars"),
            "db:unseen": Says("insufficient_data", "No CPU utilization"),
            "db:resized": Says("insufficient_data", "only since 2026-03-13"),
            "db:odd": Says("insufficient_data", "does not describe db.x9.large"),
            "db:stopped": Says("keep", "Already stopped"),
        },
    )
}
_SEEN_LITTLE = one(20)
_SEEN_LITTLE.usage.drop(_SEEN_LITTLE.usage.index[_SEEN_LITTLE.usage["hour"].dt.hour % 5 == 0], inplace=True)
_PEAKS = one(20)
_PEAKS.usage.loc[(_PEAKS.usage["metric"] == "cpu_utilization") & (_PEAKS.usage["hour"].dt.day == 3), "max"] = 70.0
OPTIONS = {
    "min_coverage_pct": Changed(70, _SEEN_LITTLE),
    "quantile_pct": Changed(90, _PEAKS),
    "headroom_pct": Changed(75, one(20)),
    "allow_arch_change": Changed(True, one(60)),
    "max_breach_probability": Changed(0.0, one(20)),
    "min_savings_usd": Changed(500, one(20)),
}
