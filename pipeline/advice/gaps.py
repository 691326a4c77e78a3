"""What must be known of an estate before anything can be recommended, and is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.advice.estate import Estate, Key, codes_of

_KEY = ["account", "region", "resource_id"]
# What is judged by its load; of a snapshot or an address nobody expects metrics.
_LOADED = ("ec2", "server")
# Whose instance types have a list price by the hour.
_PRICED = "ec2"
_SHOWN = 5


@dataclass(frozen=True)
class Gap:
    """One thing that is missing.

    Attributes:
        what: is missing, in a word or two.
        missing: of how many resources it is missing.
        of: so many that it should be known of.
        sentence: for people, with what to do.
    """

    what: str
    missing: int
    of: int
    sentence: str


def find_gaps(estate: Estate) -> list[Gap]:
    """What keeps resources from a recommendation, or from one in dollars; empty where all is known."""
    listed, used = _keys(estate.resources), _keys(estate.usage)
    if not listed:
        return [_no_inventory(used, estate.lookback_days)]
    judged = _keys(estate.resources[estate.resources["service"].isin(_LOADED)])
    return [*_apart(listed, judged, used, estate.lookback_days), *_unpriced(estate)]


def _no_inventory(used: set[Key], days: int) -> Gap:
    if not used:
        why = f"No resource can be judged: there is no inventory, and there are no metrics by the hour of the last {days} days."
        return Gap("inventory", 0, 0, why)
    return Gap(
        "inventory",
        len(used),
        len(used),
        f"No resource can be judged: there are metrics of {_count(len(used), 'resource')}, but no inventory of the last {days} "
        "days that says what they are. Give one with `--inventory FILE` (resource_id, instance_type, region), or set the source "
        "`inventory_file` or `inventory`.",
    )


def _apart(listed: set[Key], judged: set[Key], used: set[Key], days: int) -> Iterator[Gap]:
    """Resources that only the inventory has, or only the metrics."""
    unused, unlisted = judged - used, used - listed
    if unused:
        who = f"{_count(len(unused), 'resource')} of the inventory {_has(unused)}"
        said = f"{who} no metrics in the last {days} days: {_some(unused)}."
        yield Gap("metrics", len(unused), len(judged), said)
    if unlisted:
        elsewhere = {name for *_, name in unlisted} & {name for *_, name in unused}
        hint = f" {_names(elsewhere)}: the inventory has the same id in another account or region." if elsewhere else ""
        said = f"{_count(len(unlisted), 'resource')} with metrics {_is(unlisted)} not in the inventory: {_some(unlisted)}.{hint}"
        yield Gap("resource", len(unlisted), len(used), said)


def _unpriced(estate: Estate) -> Iterator[Gap]:
    """Instances whose type is not stated, and those whose type or region has no price."""
    resources = estate.resources[estate.resources["service"] == _PRICED]
    untyped = resources["instance_type"].isna() if "instance_type" in resources else pd.Series(True, index=resources.index)
    if untyped.any():
        names = _names(resources.loc[untyped, "resource_id"])
        said = f"{_count(int(untyped.sum()), 'instance')} without an instance type: {names}."
        yield Gap("instance type", int(untyped.sum()), len(resources), said)
    typed, prices = resources[~untyped], estate.prices
    if typed.empty:
        return
    prices = prices[(prices["service"] == _PRICED) & (prices["unit"] == "hour") & prices["price_usd"].notna()]
    abroad = ~typed["region"].isin(prices["region"])
    if abroad.any():
        regions = _names(prices["region"])
        known = f"there are prices of {regions}" if regions else f"no prices at all were known on {estate.as_of:%Y-%m-%d}"
        said = (
            f"No list prices of {_names(typed.loc[abroad, 'region'])} ({_count(int(abroad.sum()), 'instance')}), so no dollars: "
            f"{known}. The source `prices` has us-east-1 since September 2023, `pricing` asks AWS for any region."
        )
        yield Gap("region", int(abroad.sum()), len(resources), said)
    item = pd.MultiIndex.from_frame(prices[["region", "item"]])
    unknown = ~abroad & ~pd.MultiIndex.from_frame(typed[["region", "instance_type"]]).isin(item)
    if unknown.any():
        said = (
            f"{_count(int(unknown.sum()), 'instance')} of a type that the price list does not have, so no dollars: "
            f"{_names(typed.loc[unknown, 'instance_type'] + ' in ' + typed.loc[unknown, 'region'])}."
        )
        yield Gap("price", int(unknown.sum()), len(resources), said)


def _keys(frame: pd.DataFrame) -> set[Key]:
    # Of the hours of one resource, which mostly follow each other, only the first.
    columns = [codes_of(frame[name]) for name in _KEY]
    is_new = np.ones(len(frame), dtype=bool)
    is_new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    distinct = frame.loc[is_new, _KEY].drop_duplicates()
    return {(str(account), str(region), str(resource_id)) for account, region, resource_id in distinct.itertuples(index=False)}


def _some(keys: Iterable[Key]) -> str:
    return _names(resource_id for *_, resource_id in keys)


def _names(names: Iterable[str]) -> str:
    """The first few distinct names, and how many more there are."""
    distinct = sorted(set(names))
    more = len(distinct) - _SHOWN
    return ", ".join(distinct[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _has(some: set[Key]) -> str:
    return "has" if len(some) == 1 else "have"


def _is(some: set[Key]) -> str:
    return "is" if len(some) == 1 else "are"
