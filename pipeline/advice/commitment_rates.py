"""What price lists say of commitments: what usage costs under some terms, beside what it costs on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.advice.prices import monthly_price, price_lists
from pipeline.tables.commitments import COMPUTE_PLAN, INSTANCE_PLAN, TERMS, rate_item

# Days of a term → the years that are sold.
_YEARS = {365 * years: years for years in TERMS}
# Usage types of a bill → the service and unit of their price; the name that is left is what the price is of.
_USED = (
    (r"(?:^|-)BoxUsage:(?P<name>[\w.-]+)$", "ec2", "hour", ""),
    (r"(?:^|-)InstanceUsage:(?P<name>db\.[\w.-]+)$", "rds", "hour", ""),
    (r"(?:^|-)Multi-AZUsage:(?P<name>db\.[\w.-]+)$", "rds", "hour", " Multi-AZ"),
    (r"(?:^|-)NodeUsage:(?P<name>cache\.[\w.-]+)$", "elasticache", "hour", ""),
    (r"(?:^|-)Lambda-GB-Second$", "lambda", "GB-second", "duration x86 first tier"),
    (r"(?:^|-)Lambda-GB-Second-ARM$", "lambda", "GB-second", "duration arm64 first tier"),
    (r"(?:^|-)Fargate-vCPU-Hours:perCPU$", "ecs", "hour", "Fargate x86 vCPU"),
    (r"(?:^|-)Fargate-GB-Hours$", "ecs", "hour", "Fargate x86 GB"),
    (r"(?:^|-)Fargate-ARM-vCPU-Hours:perCPU$", "ecs", "hour", "Fargate arm64 vCPU"),
    (r"(?:^|-)Fargate-ARM-GB-Hours$", "ecs", "hour", "Fargate arm64 GB"),
)
_MULTI_AZ = " Multi-AZ"


@dataclass(frozen=True)
class Terms:
    """What is sold, as `pipeline.tables.commitments` calls it, for how many days, and how it is paid."""

    kind: str
    days: int
    payment: str

    @property
    def service(self) -> str:
        return "savings_plan" if self.kind in (COMPUTE_PLAN, INSTANCE_PLAN) else "reservation"


@dataclass(frozen=True)
class Rate:
    """What an hour (or GB-second) costs under a commitment and on demand, and since when both are known."""

    usd: float
    on_demand_usd: float
    as_of: pd.Timestamp

    @property
    def discount(self) -> float:
        return 1 - self.usd / self.on_demand_usd


@dataclass
class Rates:
    """The price lists of an estate as rules that buy commitments ask them; each is looked up once."""

    estate: Estate
    _lists: dict[tuple[str, str], dict[str, pd.DataFrame]] = field(default_factory=dict)

    def of(self, region: str, usage_type: str, terms: Terms) -> Rate | None:
        """What usage costs under some terms; None where either price is not listed, or they are no discount.

        A bill names no engine: of several that a usage type may be of, the rate is the one with the smallest discount.
        """
        years = _YEARS.get(terms.days)
        found = [] if years is None else [*self._candidates(region, usage_type, terms, years)]
        return min((rate for rate in found if 0 < rate.discount < 1), key=lambda rate: rate.discount, default=None)

    def _candidates(self, region: str, usage_type: str, terms: Terms, years: int) -> Iterator[Rate]:
        for pattern, service, unit, named in _USED:
            matched = re.search(pattern, usage_type)
            if matched is None:
                continue
            plain, committed = self._listed(service, unit), self._listed(terms.service, unit)
            name = matched.groupdict().get("name")
            listed = [str(item) for item in plain[region].index] if region in plain else []
            for item in [named] if name is None else [item for item in listed if _is_of(item, name, named)]:
                on_demand = monthly_price(plain, region, item, 1)
                sold = monthly_price(committed, region, rate_item(terms.kind, years, terms.payment, item), 1)
                if on_demand and sold:
                    yield Rate(sold.monthly_usd, on_demand.monthly_usd, max(on_demand.as_of, sold.as_of))

    def _listed(self, service: str, unit: str) -> dict[str, pd.DataFrame]:
        key = (service, unit)
        if key not in self._lists:
            self._lists[key] = price_lists(self.estate, service, unit)
        return self._lists[key]


def _is_of(item: str, name: str, zones: str) -> bool:
    """Whether an item is a class or type, with whatever engine, in one zone or in two."""
    return (item == name or item.startswith(f"{name} ")) and item.endswith(_MULTI_AZ) == bool(zones)
