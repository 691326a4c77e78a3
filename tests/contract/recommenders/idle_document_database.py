"""DocumentDB clusters that are connected to at one of their instances, and at none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [{"service": "docdb", "item": "db.r5.4xlarge", "unit": "hour", "price_usd": 2.216}]


def instance(name: str, cluster: str, state: str | None = "available", **more: Any) -> dict[str, Any]:
    return resource(f"db:{name}", "docdb", state, **{"instance_type": "db.r5.4xlarge", "cluster": cluster, **more})


def connections(name: str, most: float, **more: Any) -> pd.DataFrame:
    return by_day(f"db:{name}", "DatabaseConnections", most, **more)


SITUATIONS = {
    "instances": Situation(
        active(
            [
                instance("idle", "quiet"),
                instance("reader", "quiet", instance_type="db.r6g.large"),
                instance("silent", "shop"),
                instance("used", "shop"),
                instance("stopped", "off", "stopped"),
                instance("changing", "new", "modifying"),
                instance("unseen", "dark"),
                instance("young", "fresh", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(connections(name, 0) for name in ("idle", "reader", "silent", "changing", "young")),
            connections("used", 3),
            prices=PRICES,
        ),
        {
            "db:idle": Says("stop", "any instance of quiet", {"savings_monthly_usd": pytest.approx(2.216 * 730)}),
            "db:reader": Says("stop", "No dollars: there is no list price of db.r6g.large"),
            "db:silent": Says("keep", "Part of a whole that is in use: db:used has up to 3 connections"),
            "db:used": Says("keep", "up to 3 connections"),
            "db:stopped": Says("keep", "Already stopped", {"monthly_cost_usd": 0.0}),
            "db:changing": Says("insufficient_data", "modifying"),
            "db:unseen": Says("insufficient_data", "0.0 % of the last 14 days"),
            "db:young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([instance("1", "c")], connections("1", 0, **more), prices=PRICES)


OPTIONS = {"idle_days": Changed(20, _one(days=14)), "min_coverage_pct": Changed(70, _one(samples=216))}
