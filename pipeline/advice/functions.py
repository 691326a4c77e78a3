"""What functions use and cost: how often they are invoked, how long they take, and the price of that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.advice.case import Case
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_price

# As inventories call an architecture, and price lists do.
_LISTED = {"x86_64": "x86", "arm64": "arm64"}


@dataclass(frozen=True)
class Work:
    """What the invocations of the days looked at come to: how many, and the seconds that they took together."""

    calls: float
    seconds: float

    def seconds_a_month(self, case: Case) -> float:
        return self.seconds * HOURS_PER_MONTH / (24 * case.days)


def work_of(case: Case, metric: str = "Duration") -> Work | None:
    """The invocations of a function and the time of a metric of each in milliseconds; None where nothing is known of it.

    A period without a call has no value, so that the mean of those seen times their number is the hour's sum; each call is taken
    to last as long as the hour's periods on average.
    """
    invoked, took = case.usage.get("Invocations"), case.usage.get(metric)
    if invoked is None or took is None:
        return None
    _, calls, times = np.intersect1d(invoked.hours, took.hours, assume_unique=True, return_indices=True)
    counted = invoked.mean[calls] * invoked.samples[calls]
    total = float((counted * took.mean[times] / 1000).sum())
    return Work(float(counted.sum()), total) if np.isfinite(total) else None


def price_of_time(prices: Mapping[str, pd.DataFrame], region: str, architecture: str, gib_seconds: float) -> Price | None:
    """What so many GiB-seconds a month cost at the price of the first tier; None where the list has none."""
    return monthly_price(prices, region, f"duration {_LISTED.get(architecture, architecture)} first tier", gib_seconds)
