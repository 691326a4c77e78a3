"""Databases that are connected to, that are not, and that are not judged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [
    {"service": "rds", "item": item, "unit": "hour", "price_usd": usd}
    for item, usd in (("db.m5.large", 0.171), ("db.m5.large PostgreSQL Multi-AZ", 0.356))
]


def database(name: str, state: str | None = "available", **more: Any) -> dict[str, Any]:
    return resource(name, "rds", state, **{"instance_type": "db.m5.large", "engine": "mysql", "multi_az": "false", **more})


def connections(name: str, most: float, **more: Any) -> pd.DataFrame:
    return by_day(name, "DatabaseConnections", most, **more)


SITUATIONS = {
    "databases": Situation(
        active(
            [
                database("db:idle"),
                database("db:pg", engine="postgres", multi_az="true"),
                database("db:licensed", engine="sqlserver-se"),
                database("db:used"),
                database("db:replica", replica_of="used"),
                database("db:member", engine="aurora-mysql", cluster="shop"),
                database("db:stopped", "stopped"),
                database("db:changing", "modifying"),
                database("db:unseen"),
                database("db:gaps"),
                database("db:young", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(connections(f"db:{name}", 0) for name in ("idle", "pg", "licensed", "replica", "young")),
            connections("db:used", 3),
            connections("db:gaps", 0, days=3),
            prices=PRICES,
        ),
        {
            "db:idle": Says(
                "stop", "No connection on any of the last 7 days", {"savings_monthly_usd": pytest.approx(0.171 * 730)}
            ),
            "db:pg": Says("stop", "", {"savings_monthly_usd": pytest.approx(0.356 * 730)}),
            "db:licensed": Says("stop", "No dollars: there is no list price of db.m5.large with sqlserver-se"),
            "db:used": Says("keep", "up to 3 connections"),
            "db:replica": Says("keep", "replica of used"),
            "db:member": Says("insufficient_data", "Member of the cluster shop"),
            "db:stopped": Says("keep", "Already stopped", {"monthly_cost_usd": 0.0}),
            "db:changing": Says("insufficient_data", "modifying"),
            "db:unseen": Says("insufficient_data", "0.0 % of the last 7 days"),
            "db:gaps": Says("insufficient_data", "42.9 %"),
            "db:young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([database("db:1")], connections("db:1", 0, **more), prices=PRICES)


OPTIONS = {"idle_days": Changed(14, _one(days=7)), "min_coverage_pct": Changed(70, _one(samples=216))}
