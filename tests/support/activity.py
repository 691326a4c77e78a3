"""Resources with what the inventory says of them, and what they did day by day, for the tests of rules about services."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.estate import Estate
from tests.support.rule_cases import estate_of

AS_OF = datetime(2026, 3, 15)
#: List prices of us-east-1, as the shipped list has them.
PRICES = [
    {"service": service, "item": item, "unit": unit, "price_usd": usd}
    for service, unit, items in (
        (
            "ebs",
            "GB-month",
            {
                "gp2 storage": 0.1,
                "gp3 storage": 0.08,
                "io1 storage": 0.125,
                "io2 storage": 0.125,
                "sc1 storage": 0.015,
                "snapshot standard": 0.05,
            },
        ),
        ("ebs", "IOPS-month", {"gp3 provisioned IOPS above 3000": 0.005, "io1 IOPS": 0.065, "io2 IOPS first tier": 0.065}),
        ("ebs", "MBps-month", {"gp3 provisioned throughput above 125": 0.04}),
        ("vpc", "hour", {"NAT gateway": 0.045, "public IPv4 / unused EIP": 0.005}),
        ("elb", "hour", {"ALB": 0.0225, "NLB": 0.0225}),
    )
    for item, usd in items.items()
]


def resource(resource_id: str, service: str, state: str | None = None, **facts: Any) -> dict[str, Any]:
    """A resource, in its state for as long as inventories reach; facts stand in its tags under `headroom:`.

    Facts whose names are columns of an estate's resources are these; `tags` are more tags.
    """
    columns = {
        name: facts.pop(name) for name in ("launched_at", "state_since", "instance_type", "config_changed_at") if name in facts
    }
    tags = {**facts.pop("tags", {}), **{f"headroom:{name}": str(value) for name, value in facts.items() if value is not None}}
    known = {"state_since": AS_OF - timedelta(days=33), "launched_at": AS_OF - timedelta(days=500)}
    return {"resource_id": resource_id, "service": service, "state": state, "tags": json.dumps(tags), **known, **columns}


def by_day(resource_id: str, metric: str, amount: float, days: int = 32, samples: int = 288, last: int = 0) -> pd.DataFrame:
    """The same on each of some days: a mean of the periods seen, of 288 of five minutes; the `last` days are left out."""
    day = pd.date_range(end=AS_OF - timedelta(days=1 + last), periods=days, freq="D").astype("datetime64[us]")
    seen = {"mean": float(amount), "max": float(amount), "samples": samples, "expected_samples": 288}
    return pd.DataFrame({**_place(resource_id), "metric": metric, "day": day, **seen})


def by_hour(resource_id: str, metric: str, mean: float | np.ndarray, peak: float | None = None, days: int = 14) -> pd.DataFrame:
    """The hours of one metric, of periods of five minutes."""
    hour = pd.date_range(AS_OF - timedelta(days=days), AS_OF, freq="h", inclusive="left").astype("datetime64[us]")
    top = mean if peak is None else peak
    values = {"mean": mean, "p95": top, "max": top, "samples": 12, "expected_samples": 12, "quality_flag": 0}
    frame = pd.DataFrame({**_place(resource_id), "metric": metric, "hour": hour, **values})
    return frame.astype({"mean": "float64", "p95": "float64", "max": "float64"})


def active(
    resources: Iterable[Mapping[str, Any]],
    *activity: pd.DataFrame,
    usage: Iterable[pd.DataFrame] = (),
    prices: Iterable[Mapping[str, Any]] = PRICES,
) -> Estate:
    """An estate of some resources and what they did, by the day and by the hour."""
    hours = list(usage)
    given = estate_of(resources, prices, pd.concat(hours, ignore_index=True) if hours else None)
    return replace(given, activity=pd.concat(activity, ignore_index=True)) if activity else given


def _place(resource_id: str) -> dict[str, Any]:
    return {"account": "1", "region": "us-east-1", "resource_id": resource_id}
