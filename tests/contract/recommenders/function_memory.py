"""Functions that wait, that compute, that fill their memory, and of which too little is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import active, by_hour, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [
    {"service": "lambda", "item": f"duration {kind} first tier", "unit": "GB-second", "price_usd": usd}
    for kind, usd in (("x86", 0.0000166667), ("arm64", 0.0000133334))
]


def function(name: str, memory: int | None = 1024, **more: Any) -> dict[str, Any]:
    return resource(f"function:{name}", "lambda", "Active", **{"memory_mib": memory, "architecture": "x86_64", **more})


def calls(name: str, number: float = 500, ms: float = 500) -> list[pd.DataFrame]:
    """So many calls in each five minutes, of so many milliseconds."""
    return [by_hour(f"function:{name}", "Invocations", number), by_hour(f"function:{name}", "Duration", ms)]


def insights(name: str, peak_pct: float = 20, cpu_ms: float = 20, **more: Any) -> list[pd.DataFrame]:
    return [
        by_hour(f"function:{name}", "memory_utilization", peak_pct, **more),
        by_hour(f"function:{name}", "cpu_total_time", cpu_ms, **more),
    ]


# 500 calls of half a second in five minutes are 3,000 seconds an hour. With 1,024 MiB 20 ms of CPU time take 34.55 ms, so that
# 465.45 ms wait; 256 MiB have the fifth of 1,024 and a fifth to spare, and take 465.45 + 138.2 ms.
_SECONDS = 3000 * 730
_TAKES = 0.5 - 0.02 * 1769 / 1024 + 0.02 * 1769 / 256
SITUATIONS = {
    "functions": Situation(
        active(
            [
                function("waits"),
                function("computes"),
                function("full"),
                function("rare"),
                function("arm", architecture="arm64"),
                function("large", 2048),
                function("plain"),
                function("partly"),
                function("never"),
                function("unsaid", None),
                function("cheap"),
                function("least", 128),
            ],
            usage=[
                *(
                    part
                    for name in ("waits", "computes", "full", "arm", "large", "plain", "partly", "least")
                    for part in calls(name)
                ),
                *calls("rare", 0.01),
                *calls("cheap", 1, 20),
                *(part for name in ("waits", "rare", "arm", "large", "least") for part in insights(name)),
                *insights("cheap", cpu_ms=1),
                *insights("computes", cpu_ms=290),
                *insights("full", peak_pct=85),
                *insights("partly", days=10),
            ],
            prices=PRICES,
        ),
        {
            "function:waits": Says(
                "rightsize",
                "With 256 MiB an invocation takes about 604 ms and costs 70% less",
                {
                    "savings_monthly_usd": pytest.approx(_SECONDS * 0.0000166667 * (1 - _TAKES / 4 / 0.5)),
                    "monthly_cost_usd": pytest.approx(_SECONDS * 0.0000166667),
                    "target_config": "x86_64, 256 MiB",
                },
            ),
            "function:computes": Says("keep", "No smaller size costs less"),
            "function:full": Says("investigate", "too little memory"),
            "function:rare": Says("insufficient_data", "40 invocations in 14 days are known; 50 are needed"),
            "function:arm": Says("rightsize", "", {"target_config": "arm64, 256 MiB"}),
            "function:large": Says("insufficient_data", "more than one vCPU"),
            "function:plain": Says("insufficient_data", "no Lambda Insights"),
            "function:partly": Says("insufficient_data", "known of 71.4 % of its invocations"),
            "function:never": Says("insufficient_data", "0 invocations"),
            "function:unsaid": Says("insufficient_data", "how much memory"),
            "function:cheap": Says("keep", "too little for a change"),
            "function:least": Says("keep", "No smaller size"),
        },
    )
}


def _one(number: float = 500, **more: Any) -> Estate:
    return active([function("1")], usage=[*calls("1", number), *insights("1", **more)], prices=PRICES)


OPTIONS = {
    "min_invocations": Changed(100_000_000 // 1000, _one(number=20)),
    "min_coverage_pct": Changed(60, _one(days=10)),
    "memory_headroom_pct": Changed(60, _one()),
    "max_slower_pct": Changed(5, _one()),
    "min_savings_usd": Changed(1000, _one()),
}
