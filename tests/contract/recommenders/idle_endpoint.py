"""Endpoints that are invoked, that are not, and that are paid for otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from pipeline.advice.estate import Estate
from tests.support.activity import AS_OF, active, by_day, resource
from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation

PRICES = [{"service": "sagemaker", "item": "ml.m5.large", "unit": "hour", "price_usd": 0.115}]


def endpoint(name: str, state: str | None = "InService", **more: Any) -> dict[str, Any]:
    return resource(
        f"endpoint/{name}", "sagemaker", state, **{"instance_type": "ml.m5.large", "kind": "instances", "nodes": 2, **more}
    )


def runs(name: str, **more: Any) -> pd.DataFrame:
    return by_day(f"endpoint/{name}", "DiskUtilization", 12, **more)


SITUATIONS = {
    "endpoints": Situation(
        active(
            [
                endpoint("idle"),
                endpoint("used"),
                endpoint("mixed", instance_type=None),
                endpoint("serverless", kind="serverless"),
                endpoint("queue", kind="asynchronous"),
                endpoint("making", "Creating"),
                endpoint("unseen"),
                endpoint("young", launched_at=AS_OF - timedelta(days=2)),
            ],
            *(runs(name) for name in ("idle", "used", "mixed", "queue", "making", "young")),
            by_day("endpoint/used", "Invocations", 4, days=1, samples=1),
            prices=PRICES,
        ),
        {
            "endpoint/idle": Says("delete", "in the last 14 days", {"savings_monthly_usd": pytest.approx(2 * 0.115 * 730)}),
            "endpoint/used": Says("keep", "up to 4 invocations"),
            "endpoint/mixed": Says("delete", "No dollars: there is no list price of its instances"),
            "endpoint/serverless": Says("keep", "serverless"),
            "endpoint/queue": Says("insufficient_data", "asynchronous"),
            "endpoint/making": Says("insufficient_data", "Creating"),
            "endpoint/unseen": Says("insufficient_data", "0.0 % of the last 14 days"),
            "endpoint/young": Says("insufficient_data", "Launched 2.0 days ago"),
        },
    )
}


def _one(**more: Any) -> Estate:
    return active([endpoint("1")], runs("1", **more), prices=PRICES)


OPTIONS = {"idle_days": Changed(20, _one(days=14)), "min_coverage_pct": Changed(70, _one(samples=216))}
