"""NAT gateways that are used, that are not, and that were not seen for long enough."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def gateway(name: str, state: str | None = "available") -> dict[str, Any]:
    return resource(name, "nat", state, connectivity="public")


def traffic(name: str, connections: float, mbps: float, **more: Any) -> list[pd.DataFrame]:
    return [by_day(name, "ActiveConnectionCount", connections, **more), by_day(name, "BytesOutToDestination", mbps, **more)]


SITUATIONS = {
    "gateways": Situation(
        active(
            [gateway(name) for name in ("nat-busy", "nat-idle", "nat-sends", "nat-monthly", "nat-short", "nat-unseen")]
            + [gateway("nat-gone", "deleted")],
            *traffic("nat-busy", 20, 1),
            *traffic("nat-idle", 0, 0),
            *traffic("nat-sends", 0, 0.001),
            *traffic("nat-monthly", 0, 0, days=30),
            *traffic("nat-monthly", 3, 0.1, days=2, last=30),
            *traffic("nat-short", 0, 0, days=14),
            by_day("nat-gone", "ActiveConnectionCount", 0),
        ),
        {
            "nat-busy": Says("keep", "up to 20 connections"),
            "nat-idle": Says("delete", "any of the last 32 days", {"savings_monthly_usd": pytest.approx(0.045 * 730)}),
            "nat-sends": Says("keep", "In use"),
            "nat-monthly": Says("keep", "up to 3 connections"),
            "nat-short": Says("insufficient_data", "43.8 % of the last 32 days"),
            "nat-unseen": Says("insufficient_data", "0.0 %"),
            "nat-gone": Says("keep", "deleted"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([gateway("nat-1")], *traffic("nat-1", 0, 0, **more))


OPTIONS = {"idle_days": Changed(14, _one(days=14)), "min_coverage_pct": Changed(70, _one(samples=216))}
