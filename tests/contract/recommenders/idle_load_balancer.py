"""Load balancers of each type: busy, idle, empty, and those of which nothing was seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation


def balancer(name: str, kind: str | None = "application", state: str = "active", **more: Any) -> dict[str, Any]:
    return resource(name, "elb", state, type=kind, **more)


_SAVES = {"savings_monthly_usd": pytest.approx(0.0225 * 730)}
SITUATIONS = {
    "load-balancers": Situation(
        active(
            [
                balancer("lb-busy"),
                balancer("lb-idle", targets=2),
                balancer("lb-silent"),
                balancer("lb-unseen"),
                balancer("lb-empty", "classic", targets=0),
                balancer("lb-empty-but-busy", targets=0),
                balancer("lb-empty-half-seen", targets=0),
                balancer("lb-net", "network"),
                balancer("lb-netsilent", "network"),
                balancer("lb-gateway", "gateway"),
                balancer("lb-untyped", None),
                balancer("lb-new", launched_at=AS_OF - timedelta(days=2)),
                balancer("lb-failed", state="failed"),
            ],
            by_day("lb-busy", "request_count", 5),
            # 9 requests in ten periods of a day are 90, whatever is absent.
            by_day("lb-idle", "request_count", 9, samples=10),
            by_day("lb-idle", "ConsumedLCUs", 0.01),
            by_day("lb-silent", "ConsumedLCUs", 0),
            by_day("lb-empty-but-busy", "request_count", 5),
            # 50 requests on the one day that was seen: those of the others may be more.
            by_day("lb-empty-half-seen", "request_count", 50, samples=1, days=1),
            by_day("lb-net", "NewFlowCount", 0.1),
            # 290 days ago: of the days that count nothing is known.
            by_day("lb-netsilent", "NewFlowCount", 0, last=8),
        ),
        {
            "lb-busy": Says("keep", "up to 1,440 requests a day"),
            "lb-idle": Says("delete", "at most 90 requests", _SAVES | {"risk_level": 2}),
            "lb-silent": Says("delete", "at most 0 requests", _SAVES),
            "lb-unseen": Says("insufficient_data", "0.0 % of the last 7 days"),
            # The shipped list has no price of a classic one.
            "lb-empty": Says("delete", "no targets behind it, and no requests are known", {"risk_level": 1}),
            "lb-empty-but-busy": Says("keep", "In use"),
            "lb-empty-half-seen": Says("insufficient_data", "cover 0.0 %"),
            "lb-net": Says("delete", "at most 29 new connections", _SAVES),
            "lb-netsilent": Says("insufficient_data", "0.0 %"),
            "lb-gateway": Says("insufficient_data", "type gateway"),
            "lb-untyped": Says("insufficient_data", "no stated type"),
            "lb-new": Says("insufficient_data", "Launched 2.0 days ago"),
            "lb-failed": Says("insufficient_data", "failed"),
        },
    )
}


def _one(*frames: Any) -> Estate:
    return active([balancer("lb-1")], *frames)


OPTIONS = {
    "idle_days": Changed(14, _one(by_day("lb-1", "request_count", 0, days=7))),
    "max_requests_per_day": Changed(2000, _one(by_day("lb-1", "request_count", 5))),
    "min_coverage_pct": Changed(70, _one(by_day("lb-1", "ConsumedLCUs", 0, samples=216))),
}
