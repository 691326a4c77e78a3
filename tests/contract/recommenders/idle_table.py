"""Tables that are read and written, that are not, and that are not judged."""

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
    {"service": "dynamodb", "item": f"{kind} capacity unit", "unit": "hour", "price_usd": usd}
    for kind, usd in (("read", 0.00013), ("write", 0.00065))
]


def table(name: str, state: str | None = "active", **more: Any) -> dict[str, Any]:
    facts = {"billing": "provisioned", "read_units": 30, "write_units": 20, "table_class": "STANDARD", **more}
    return resource(f"table/{name}", "dynamodb", state, **facts)


def provisioned(name: str, **more: Any) -> list[pd.DataFrame]:
    """What is provisioned, which is reported whether or not anything is consumed."""
    return [by_day(f"table/{name}", f"Provisioned{kind}CapacityUnits", 20, **more) for kind in ("Read", "Write")]


SITUATIONS = {
    "tables": Situation(
        active(
            [
                table("idle"),
                table("read"),
                table("by-use", billing="on_demand"),
                table("rare", table_class="STANDARD_INFREQUENT_ACCESS"),
                table("making", "creating"),
                table("unsaid", read_units=None),
                table("unseen"),
                table("gaps"),
                table("young", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(part for name in ("idle", "read", "rare", "young") for part in provisioned(name)),
            *provisioned("gaps", days=3),
            by_day("table/read", "ConsumedReadCapacityUnits", 0.5, days=1, samples=3),
            prices=PRICES,
        ),
        {
            "table/idle": Says(
                "rightsize",
                "Nothing was read from it or written to it in the last 14 days",
                {"savings_monthly_usd": pytest.approx(30 * 0.0949 + 20 * 0.4745), "target_config": "on demand"},
            ),
            "table/read": Says("keep", "up to 1.5 read units"),
            "table/by-use": Says("keep", "paid for by use already"),
            "table/rare": Says("rightsize", "No dollars: there is no list price of its class"),
            "table/making": Says("insufficient_data", "creating"),
            "table/unsaid": Says("insufficient_data", "what is provisioned"),
            "table/unseen": Says("insufficient_data", "0.0 % of the last 14 days"),
            "table/gaps": Says("insufficient_data", "21.4 %"),
            "table/young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([table("1")], *provisioned("1", **more), prices=PRICES)


OPTIONS = {"idle_days": Changed(20, _one(days=14)), "min_coverage_pct": Changed(70, _one(samples=216))}
