"""Databases whose engines are in standard support, soon out of it, or out of it for a year or three."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.recommenders.idle_database import database
from tests.support.activity import active
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [
    {
        "service": "rds",
        "item": "extended support year 1",
        "unit": "vCPU-hour",
        "price_usd": 0.1,
        "vcpu": None,
        "memory_gib": None,
    },
    {"service": "ec2", "item": "m5.large", "unit": "hour", "price_usd": 0.096, "vcpu": 2.0, "memory_gib": 8.0},
]


def running(name: str, engine: str, version: str | None, **more: Any) -> dict[str, Any]:
    return database(name, engine=engine, engine_version=version, **more)


SITUATIONS = {
    "databases": Situation(
        active(
            [
                running("db:pg12", "postgres", "12.17"),
                running("db:pg12-twice", "postgres", "12.17", multi_az="true"),
                running("db:my57", "mysql", "5.7.44"),
                running("db:my80", "mysql", "8.0.36"),
                running("db:pg17", "postgres", "17.2"),
                running("db:off", "postgres", "12.17", extended_support="open-source-rds-extended-support-disabled"),
                running("db:stopped", "postgres", "12.17", state="stopped"),
                running("db:odd-class", "postgres", "12.17", instance_type="db.x9.large"),
                running("db:unsaid", "postgres", None),
                running("db:aurora", "aurora-postgresql", "12.17"),
                running("db:maria", "mariadb", "10.4.33"),
            ],
            prices=PRICES,
        ),
        {
            "db:pg12": Says(
                "upgrade",
                "ended on 2025-03-01",
                {"savings_monthly_usd": pytest.approx(146.0), "target_config": "postgres 17", "exclusive_group": "engine"},
            ),
            "db:pg12-twice": Says("upgrade", "", {"savings_monthly_usd": pytest.approx(292.0)}),
            # In the third year, whose price is not listed.
            "db:my57": Says("upgrade", "No dollars"),
            "db:my80": Says("investigate", "ends on 2026-08-01"),
            "db:pg17": Says("keep", "standard support"),
            "db:off": Says("keep", "Not enrolled"),
            "db:stopped": Says("keep", "Stopped"),
            "db:odd-class": Says("upgrade", "No dollars"),
            "db:unsaid": Says("insufficient_data", "which engine and version"),
            # Its charge runs since the same day; the calendar of Aurora is another one.
            "db:aurora": Says("insufficient_data", "Until when aurora-postgresql is in standard support is not known"),
            "db:maria": Says("keep", "none is charged for"),
        },
    )
}
OPTIONS = {"warning_days": Changed(30, active([running("db:1", "mysql", "8.0.36")], prices=PRICES))}
