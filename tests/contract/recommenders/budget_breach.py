"""Budgets that will be exceeded, will not, and of which nobody knows."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.advice.estate import Estate
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import charged, spending


def budget(name: str, chance: float | None, **more: Any) -> dict[str, Any]:
    known = {"currency": "EUR", "period_end": pd.Timestamp("2026-04-01"), "amount": 1000.0, "actual": 600.0}
    return {"budget": name, "p_breach": chance, "spent_p50": pd.NaT, **known, **more}


def estate(*stands: dict[str, Any]) -> Estate:
    return spending(charged(160.0), budgets=pd.DataFrame(stands).astype({"p_breach": "float64"}))


SITUATIONS = {
    "budgets": Situation(
        estate(
            budget("all of it", 0.8, spent_p50=pd.Timestamp("2026-03-25")),
            budget("even", 0.5),
            budget("safe", 0.01),
            budget("dark", None),
        ),
        {
            "all%20of%20it": Says("investigate", "600.00 of 1,000.00 EUR are spent.*chance of 80%, .* from 2026-03-25 on"),
            "even": Says("keep", "chance of 50%"),
            "safe": Says("keep", "chance of 1%"),
            "dark": Says("insufficient_data", "not known"),
        },
    )
}
OPTIONS = {"min_chance_pct": Changed(90, estate(budget("1", 0.8)))}
