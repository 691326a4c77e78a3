"""What is known of the resources that recommendations were about, read from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.advice.billed import Bill, Key, choose_bills, match_resources, split_usage_type, tail
from pipeline.advice.counterfactual import HISTORY_DAYS, Prices, day_of
from pipeline.advice.followed import STANDS
from pipeline.advice.ledger import Known, Listed, find_changes, services_of, silent_resources
from pipeline.advice.realised import FOLLOWED_DAYS, known_until
from pipeline.allocation.decide import Charges, decide
from pipeline.inputs import ask, read
from pipeline.inputs.allocation import read_allocation_rules, read_tags
from pipeline.inputs.estate import read_bill_days
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.columns import UNALLOCATED

#: How far back recommendations and inventories are asked for: changes that are followed, and how long one stood before them.
SAID = timedelta(days=FOLLOWED_DAYS + 1) + STANDS
#: How far back charges and hours are: the days before such a change, and a week in which no inventory was landed.
CHARGED = timedelta(days=FOLLOWED_DAYS + HISTORY_DAYS + 7)
TEAM = "team"
#: Before the last of its charges, whoever else is charged for a resource has it still: not all of its use is of every day.
NEWEST = timedelta(days=3)
#: What nobody sees but the bill.
_OF_BILL = ("purchase", "tag")
# Names in one query: a text of all resources may be longer than Athena takes.
_AT_ONCE = 2000
_RESOURCE = ["account", "region", "resource_id"]


def read_known(interval: Interval, lake: Lake, settings: Settings) -> Known:
    """All that tells what became of the recommendations of the last 125 days, as of the interval's end."""
    as_of = interval.as_of
    every = read(lake, "recommended_changes", since=as_of - SAID, as_of=as_of)
    of_bill = every["action"].isin(_OF_BILL)
    said, asked = every[~of_bill], every[of_bill]
    names = sorted(set(said["resource_id"]))
    rows = _read_of(lake, "resource_days", names, since=as_of - SAID, as_of=as_of)
    listed = (
        read(lake, "inventory_days", since=as_of - SAID, as_of=as_of) if names else _nothing("account", "region", "service", "ts")
    )
    hours = _read_of(lake, "resource_hours", names, since=as_of - CHARGED, as_of=as_of)
    known = Known(
        as_of=as_of,
        said=said,
        inventory=_by_resource(rows),
        listed={_texts(place): list(days["ts"]) for place, days in listed.groupby(["account", "region", "service"])},
        hours=_by_resource(hours),
        bills={},
        prices={},
        list_prices={},
        present={},
        teams=_read_teams(said, interval, lake, settings),
        asked_of_bill=asked,
        spend=read_bill_days(lake, as_of - SAID, as_of) if len(asked) else pd.DataFrame(),
        tags=read(lake, "tags_by_day", since=as_of - SAID, as_of=as_of) if len(asked) else pd.DataFrame(),
    )
    wanted = silent_resources(known) | {each.resource for each in find_changes(known)}
    bills, several = _read_bills(wanted, services_of(said), as_of, lake)
    return replace(known, bills=bills, several=several, **_read_prices(bills, rows, as_of, lake))


def _read_bills(
    wanted: set[Key], services: dict[Key, str], as_of: datetime, lake: Lake
) -> tuple[dict[Key, Bill], frozenset[Key]]:
    tails = sorted({tail(each[2]) for each in wanted})
    charges = _read_of(lake, "resource_charges", tails, since=as_of - CHARGED, as_of=as_of)
    if charges.empty:
        return {}, frozenset()
    complete = read(lake, "cost_complete", since=as_of - CHARGED, as_of=as_of)
    last = known_until(pd.Timestamp(as_of))
    through = {
        (str(row["source"]), str(row["provider"]), str(row["payer"])): min(day_of(row["complete_through"]), last)
        for row in complete.to_dict("records")
        if not pd.isna(row["complete_through"])
    }
    found, several = choose_bills(charges, through, services)
    return {key: bill for key, bill in found.items() if key in wanted}, several


def _read_prices(bills: dict[Key, Bill], rows: pd.DataFrame, as_of: datetime, lake: Lake) -> dict[str, Any]:
    """Prices by usage type and instance type, and the commitments of each day."""
    types = sorted({str(name) for bill in bills.values() for name in bill.charges["usage_type"]})
    items = sorted(
        {str(each) for each in rows["instance_type"].dropna()} | {of for name in types if (of := split_usage_type(name)[1])}
    )
    since = as_of - CHARGED
    charged = _read_of(lake, "unit_list_prices", types, "usage_types", "|", since=since, as_of=as_of)
    listed = _read_of(lake, "price_changes", items, "items", as_of=as_of)
    days = read(lake, "commitment_days", since=since, as_of=as_of) if bills else _nothing("commitment_id", "ts")
    return {
        "prices": {str(name): Prices(_seen(group, "usage_type", "list_price")) for name, group in charged.groupby("currency")},
        "list_prices": {str(name): _seen(group, "item", "price_usd") for name, group in listed.groupby("region")},
        "present": {day_of(day): frozenset(group["commitment_id"].astype(str)) for day, group in days.groupby("ts")},
    }


def _seen(rows: pd.DataFrame, item: str, price: str) -> Listed:
    """The prices of each item, by day."""
    return {
        str(name): (group["ts"].to_numpy("datetime64[D]"), group[price].to_numpy(dtype=np.float64))
        for name, group in rows.sort_values("ts", kind="stable").groupby(item)
    }


def _read_teams(said: pd.DataFrame, interval: Interval, lake: Lake, settings: Settings) -> dict[Key, str]:
    """Whose resources are, by the newest month's charges and the rules of allocation."""
    rules = read_allocation_rules(lake, settings)
    if said.empty or TEAM not in rules.dimension:
        return {}
    months = interval.billing_periods()
    services = services_of(said)
    tables = [
        ask(lake, "resource_owners", start=months.start, end=months.end, resources=text)
        for text in _texts_of(sorted({tail(key[2]) for key in services}))
    ]
    rows = pa.concat_tables(tables)
    if not rows.num_rows:
        return {}
    found, verdicts = decide(Charges(rows, read_tags(months, lake)), rules, TEAM)
    named = ["account", "region", "resource_id", "ts", "cost"]
    frame = rows.select(named).to_pandas().assign(team=[verdicts[place].value for place in found])
    matched, _ = match_resources(frame[~frame["team"].isin(["", UNALLOCATED])], services)
    return {key: name_owner(owned) for key, owned in matched.items()}


def name_owner(charged: pd.DataFrame) -> str:
    """Whose a resource is by its newest charges, for it may have changed hands; of several the team that is charged most.

    Args:
        charged: team, cost, and ts, the last day of such a charge; at least one row.
    """
    newest = charged[charged["ts"] > charged["ts"].max() - NEWEST]
    return str(newest.groupby("team")["cost"].sum().idxmax())


def _read_of(
    lake: Lake, name: str, names: list[str], param: str = "resources", mark: str = " ", **moments: datetime
) -> pd.DataFrame:
    """The rows of a query about some names; without names it is asked of none, for its columns."""
    parts = [ask(lake, name, **moments, **{param: text}) for text in _texts_of(names, mark)]
    frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
    return frame


def _texts_of(names: list[str], mark: str = " ") -> Iterator[str]:
    for first in range(0, max(len(names), 1), _AT_ONCE):
        yield mark + mark.join(names[first : first + _AT_ONCE]) + mark


def _by_resource(rows: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    return {_texts(key): group for key, group in rows.groupby(_RESOURCE)}


def _texts(key: Iterable[object]) -> Key:
    account, region, name = key
    return (str(account), str(region), str(name))


def _nothing(*columns: str) -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in columns})
