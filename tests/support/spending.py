"""Estates of which a bill says what is spent by the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.bill import add_billed
from pipeline.advice.estate import Estate
from tests.support.rule_cases import estate_of

#: The moment of the estate, and the day after the last that its bill has.
AS_OF = estate_of([{"resource_id": "i-1", "service": "ec2"}]).as_of
ENDS = AS_OF - timedelta(days=2)
PLAN = "arn:aws:savingsplans::9:savingsplan/1"


def charged(usd: float | list[float], days: int = 90, until: int = 0, **more: Any) -> pd.DataFrame:
    """Hours of m5.large, by the day at list price: so many days up to `until` days before the bill's end, on demand and tagged.

    A commitment that covers them takes a fifth off. What an hour is at list price the bill does not state, but for what is said.
    """
    usual = {"payer": "9", "account": "1", "region": "us-east-1", "service": "AmazonEC2", "usage_type": "BoxUsage:m5.large"}
    usual |= {"commitment_id": "none", "charged_as": "on_demand", "has_resource": True, "is_tagged": True, "list_price": np.nan}
    last = ENDS - timedelta(days=1 + until)
    rows = pd.DataFrame({"ts": pd.date_range(end=last, periods=days, freq="D"), "list_usd": usd})
    share = 0.8 if more.get("charged_as") == "covered" else 1.0
    return rows.assign(**usual, effective_usd=share * rows["list_usd"]).assign(**more)


def spending(*charges: pd.DataFrame, resources: list[dict[str, Any]] | None = None, **more: Any) -> Estate:
    """The estate of a bill, with what an inventory lists beside it."""
    bill = pd.concat(charges, ignore_index=True)
    known = estate_of(resources or [{"resource_id": "i-1", "service": "ec2"}])
    return add_billed(replace(known, bill=bill.assign(ts=bill["ts"].astype("datetime64[us]")), **more))


def rates(prices: dict[str, float], known: str = "2026-04-01", region: str = "us-east-1") -> pd.DataFrame:
    """List prices of an hour on demand and under a commitment, by `service/item`."""
    rows = [
        {"service": name.partition("/")[0], "item": name.partition("/")[2], "unit": "hour", "price_usd": usd, "region": region}
        for name, usd in prices.items()
    ]
    return pd.DataFrame(rows).assign(price_as_of=pd.Timestamp(known))
