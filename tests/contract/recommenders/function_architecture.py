"""Functions that are called much, little and never, on either architecture."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.support.activity import active, by_hour, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [
    {"service": "lambda", "item": f"duration {kind} first tier", "unit": "GB-second", "price_usd": usd}
    for kind, usd in (("x86", 0.0000166667), ("arm64", 0.0000133334))
]


def function(name: str, **more: Any) -> dict[str, Any]:
    return resource(f"function:{name}", "lambda", "Active", **{"memory_mib": 2048, "architecture": "x86_64", **more})


def calls(name: str, number: float, ms: float) -> list[pd.DataFrame]:
    """So many calls in each five minutes, of so many milliseconds."""
    return [by_hour(f"function:{name}", "Invocations", number), by_hour(f"function:{name}", "Duration", ms)]


# 500 calls of half a second in five minutes are 3,000 seconds an hour, with 2 GiB 4,380,000 GB-seconds in a month of 730 hours.
_MUCH, _LITTLE = (500, 500), (1, 500)
SITUATIONS = {
    "functions": Situation(
        active(
            [
                function("much"),
                function("little"),
                function("never"),
                function("arm", architecture="arm64"),
                function("unsaid", memory_mib=None),
            ],
            usage=[*calls("much", *_MUCH), *calls("little", *_LITTLE), *calls("arm", *_MUCH)],
            prices=PRICES,
        ),
        {
            "function:much": Says(
                "migrate", "4,380,000 GB-seconds a month", {"savings_monthly_usd": pytest.approx(4_380_000 * 0.0000033333)}
            ),
            "function:little": Says("keep", "cost too little"),
            "function:never": Says("insufficient_data", "may not be called"),
            "function:arm": Says("keep", "arm64 already"),
            "function:unsaid": Says("insufficient_data", "how much memory"),
        },
    )
}
OPTIONS = {"min_savings_usd": Changed(100, active([function("1")], usage=calls("1", *_MUCH), prices=PRICES))}
