"""What price lists say of commitments: what usage costs under some terms, beside what it costs on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

from pipeline.advice.estate import Estate
from pipeline.advice.prices import Price, monthly_price, price_lists
from pipeline.tables.commitments import COMPUTE_PLAN, INSTANCE_PLAN, OTHER_INSTANCES, OTHER_PLANS, TERMS, rate_item

# Days of a term → the years that are sold.
_YEARS = {365 * years: years for years in TERMS}
#: Usage types of a bill that are hours of an instance, and its type.
INSTANCE_USAGE = r"(?:^|-)(?:BoxUsage|DedicatedUsage):([a-z0-9-]+\.[a-z0-9-]+)$"
# Usage types of a bill → the service and unit of their price; the name that is left is what the price is of, with what stands
# behind it.
_USED = (
    (r"(?:^|-)BoxUsage:(?P<name>[\w.-]+)$", "ec2", "hour", ""),
    (r"(?:^|-)BoxUsage:(?P<name>[\w.-]+)$", OTHER_INSTANCES, "hour", ""),
    (r"(?:^|-)DedicatedUsage:(?P<name>[\w.-]+)$", OTHER_INSTANCES, "hour", " dedicated"),
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
_MULTI_AZ, _DEDICATED = " Multi-AZ", " dedicated"
# What a bill charges at list price is that of a price list but for rounding; another system's is further off.
_SAME_PRICE = 0.01
#: What is behind a family of which the bill's list price is none that is listed: what runs there is not known.
UNLISTED = " at a price that is not listed"


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


class _Listed(NamedTuple):
    """An item that a usage type may be, and its price on demand for a unit."""

    service: str
    unit: str
    item: str
    behind: str
    price: Price


@dataclass
class Rates:
    """The price lists of an estate as rules that buy commitments ask them; each is looked up once.

    A bill by the day names neither the system of an instance nor the engine of a database: its list price of an hour tells them
    apart, as far as they cost differently. Where it does not state that, a usage type may be of any.
    """

    estate: Estate
    _known: dict[tuple[str, str], list[_Listed]] = field(default_factory=dict)

    def of(self, region: str, usage_type: str, terms: Terms, list_price: float = 0.0) -> Rate | None:
        """What usage costs under some terms; None where either price is not listed, or they are no discount.

        Of several that it may be, the rate is the one with the smallest discount.

        Args:
            list_price: of an hour, by the bill; 0 where it is not known, or not asked for.
        """
        years = _YEARS.get(terms.days)
        found = [] if years is None else [*self._sold(region, self._priced(region, usage_type, list_price), terms, years)]
        return min((rate for rate in found if 0 < rate.discount < 1), key=lambda rate: rate.discount, default=None)

    def what_runs(self, rows: pd.DataFrame) -> pd.Series:
        """What is behind the family of each row of a bill: ` Windows`, ` dedicated RHEL` …, `UNLISTED`.

        Nothing is behind that of Linux on shared tenancy, of what has no system, and of what no list has.
        """
        keys = pd.MultiIndex.from_frame(rows[["region", "usage_type"]].assign(list_price=rows["list_price"].fillna(0.0)))
        # A bill has each of few kinds on many days.
        names = {key: self._behind(*key) for key in keys.unique()}
        return pd.Series([names[key] for key in keys], index=rows.index, dtype="object")

    def _behind(self, region: str, usage_type: str, list_price: float) -> str:
        if not list_price > 0 or not self._items(region, usage_type):
            return ""
        priced = self._priced(region, usage_type, list_price)
        return min(priced, key=lambda one: abs(one.price.monthly_usd - list_price)).behind if priced else UNLISTED

    def _priced(self, region: str, usage_type: str, list_price: float) -> list[_Listed]:
        """What a usage type may be of, by the list price of the bill."""
        items = self._items(region, usage_type)
        if not list_price > 0:
            return items
        return [one for one in items if abs(one.price.monthly_usd - list_price) <= _SAME_PRICE * list_price]

    def _sold(self, region: str, items: list[_Listed], terms: Terms, years: int) -> Iterator[Rate]:
        for one in items:
            if one.service == OTHER_INSTANCES and terms.service != "savings_plan":
                # Of these no reservation is listed.
                continue
            service = OTHER_PLANS if one.service == OTHER_INSTANCES else terms.service
            item = rate_item(terms.kind, years, terms.payment, one.item)
            if sold := monthly_price(price_lists(self.estate, service, one.unit), region, item, 1):
                yield Rate(sold.monthly_usd, one.price.monthly_usd, max(one.price.as_of, sold.as_of))

    def _items(self, region: str, usage_type: str) -> list[_Listed]:
        key = (region, usage_type)
        if key not in self._known:
            self._known[key] = [*self._find(region, usage_type)]
        return self._known[key]

    def _find(self, region: str, usage_type: str) -> Iterator[_Listed]:
        for pattern, service, unit, named in _USED:
            matched = re.search(pattern, usage_type)
            if matched is None:
                continue
            plain, name = price_lists(self.estate, service, unit), matched.groupdict().get("name")
            listed = [str(item) for item in plain[region].index] if region in plain else []
            for item in [named] if name is None else [item for item in listed if _is_of(item, name, named)]:
                if price := monthly_price(plain, region, item, 1):
                    yield _Listed(service, unit, item, item[len(name or "") :] if service == OTHER_INSTANCES else "", price)


def _is_of(item: str, name: str, behind: str) -> bool:
    """Whether an item is a class or type, with whatever engine or system, in one zone or in two, on shared tenancy or its own."""
    return (
        (item == name or item.startswith(f"{name} "))
        and item.endswith(_MULTI_AZ) == (behind == _MULTI_AZ)
        and (_DEDICATED in item) == (behind == _DEDICATED)
    )
