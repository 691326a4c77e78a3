"""Anomalies of a bill that go on, are over, are small, and cost less."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.advice.estate import Estate
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import AS_OF, charged, spending


def anomaly(name: str, actual: float, expected: float, **more: Any) -> dict[str, Any]:
    node = {
        "account": "1",
        "service": "AmazonEC2",
        "usage_type": None,
        "resource_id": None,
        "payer": "9",
        "currency": "USD",
        "is_open": True,
        "days": 3,
    }
    costs = {"actual_cost": actual, "expected_cost": expected, "impact_cost": actual - expected}
    return {"anomaly_id": name, "first_day": pd.Timestamp(AS_OF) - pd.Timedelta(days=4), **node, **costs, **more}


def estate(*found: dict[str, Any]) -> Estate:
    return spending(charged(160.0), anomalies=pd.DataFrame(found))


SITUATIONS = {
    "anomalies": Situation(
        estate(
            anomaly("a" * 16, 900, 300),
            anomaly("b" * 16, 900, 300, is_open=False),
            anomaly("c" * 16, 350, 300),
            anomaly("d" * 16, 100, 300),
            anomaly("e" * 16, 900, 300, account=None, service=None),
        ),
        {
            "a" * 16: Says("investigate", "1, AmazonEC2: 900.00 USD in 3 days from 2026-03-11 on, and it goes on, 600.00 more"),
            "b" * 16: Says("keep", "it is over"),
            "c" * 16: Says("keep", "50.00 more than expected: too little"),
            "d" * 16: Says("keep", "-200.00 more"),
            "e" * 16: Says("investigate", "All of the bill"),
        },
    )
}
OPTIONS = {"min_impact": Changed(1000, estate(anomaly("a" * 16, 900, 300)))}
