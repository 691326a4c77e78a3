"""What a recommender brings to its contract: SITUATIONS by name and, where it has options, OPTIONS: each with an estate in which
it changes more than words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.tables.capacity import CAPACITY_RISK
from pipeline.tables.usage import METRIC_HOURLY

_PRICED = ("service", "region", "item", "unit", "price_usd", "price_as_of")


@dataclass(frozen=True)
class Says:
    """What a rule says of one resource.

    Attributes:
        reason: a regular expression that is found in the reason.
        fields: other columns of the row.
    """

    action: str
    reason: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """An estate, and what a rule with its default options must say of its resources, by resource_id."""

    estate: Estate
    says: Mapping[str, Says]


def estate_of(
    resources: Iterable[Mapping[str, Any]],
    prices: Iterable[Mapping[str, Any]] = (),
    usage: pd.DataFrame | None = None,
) -> Estate:
    """An estate as of 15 March 2026 in which nothing is at risk.

    Args:
        resources: at least resource_id and service of each; account and region are filled in.
        prices: service, item, unit and price_usd of each; region and day are filled in.
        usage: as an estate has it; by default nothing was measured.
    """
    place = {"account": "1", "region": "us-east-1"}
    listed = [{"region": "us-east-1", "price_as_of": pd.Timestamp("2026-02-01"), **price} for price in prices]
    return Estate(
        as_of=datetime(2026, 3, 15),
        lookback_days=14,
        resources=pd.DataFrame([{**place, **resource} for resource in resources]),
        usage=METRIC_HOURLY.empty() if usage is None else usage,
        prices=pd.DataFrame(listed, columns=None if listed else list(_PRICED)),
        risk=CAPACITY_RISK.empty(),
    )
