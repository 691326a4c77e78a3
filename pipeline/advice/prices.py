"""What list prices say of an estate: of an instance type by the hour, of a volume by the GB-month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pipeline.advice.estate import Estate

HOURS_PER_MONTH = 730.0


@dataclass(frozen=True)
class Price:
    """What a resource costs a month at list price, and since when that price is known."""

    monthly_usd: float
    as_of: pd.Timestamp


def price_lists(estate: Estate, service: str, unit: str) -> dict[str, pd.DataFrame]:
    """The prices of a service by region, indexed by item: the newest known at `as_of`, else the oldest.

    Args:
        unit: as it is listed: "hour", "GB-month" …
    """
    return estate.once(("price_lists", service, unit), lambda: _price_lists(estate, service, unit))


def _price_lists(estate: Estate, service: str, unit: str) -> dict[str, pd.DataFrame]:
    listed = estate.prices.loc[(estate.prices["service"] == service) & (estate.prices["unit"] == unit)]
    age = pd.Timestamp(estate.as_of) - listed["price_as_of"]
    listed = listed.assign(_later=age < pd.Timedelta(0), _distance=age.abs(), _price=listed["price_usd"])
    listed = listed.sort_values(["_later", "_distance", "_price"]).drop_duplicates(["region", "item"])
    listed = listed.drop(columns=["_later", "_distance", "_price"])
    return {str(region): rows.set_index("item").sort_index() for region, rows in listed.groupby("region")}


def monthly_price(lists: Mapping[str, pd.DataFrame], region: str, item: str | None, units: float) -> Price | None:
    """What so many units of an item cost a month; None where the list has no price for it.

    Args:
        lists: as `price_lists` gives them.
        units: in a month: `HOURS_PER_MONTH` of an instance, the GiB of a volume.
    """
    listed = lists.get(region)
    if listed is None or item is None or item not in listed.index:
        return None
    price = listed["price_usd"].loc[item]
    return None if pd.isna(price) else Price(float(price) * units, listed["price_as_of"].loc[item])


def monthly_prices(lists: Mapping[str, pd.DataFrame], units: float) -> dict[tuple[str, str | None], Price]:
    """The same of all items of all regions that have a price, for whoever asks of every resource; by region and item."""
    return {
        (region, str(item)): Price(float(usd) * units, as_of)
        for region, listed in lists.items()
        for item, usd, as_of in zip(listed.index, listed["price_usd"], listed["price_as_of"], strict=True)
        if not pd.isna(usd)
    }
