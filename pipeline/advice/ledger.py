"""What became of every recommendation: rows of `gold.savings` and `gold.savings_daily` from what is known of their resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.advice.billed import CHARGED, Bill, Key, split_usage_type
from pipeline.advice.counterfactual import Floats, Prices, day_of
from pipeline.advice.followed import (
    ENDED,
    NOT_FOLLOWED,
    Change,
    find_change,
    find_schedule,
    forms_by_bill,
    forms_by_inventory,
    settle,
)
from pipeline.advice.followed_bill import find_purchase, find_tags
from pipeline.advice.prices import HOURS_PER_MONTH
from pipeline.advice.realised import FOLLOWED_DAYS, Realised, Seen, by_day, in_sum, known_until, realise
from pipeline.tables.columns import ANSWERS, BY_BILL, BY_INVENTORY, IMPLEMENTED, LIST_BASIS, REGRESSED, UNNAMED

#: By item of a price list the days from which a price holds, in order, and the price.
Listed: TypeAlias = Mapping[str, tuple[npt.NDArray[np.datetime64], Floats]]
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Known:
    """What is known as of a moment of the resources that recommendations are about.

    Attributes:
        as_of: that moment.
        said: rows of `inputs.recommended_changes` about resources.
        inventory: rows of `inputs.resource_days` by resource.
        listed: days of the inventories by account, region and service.
        hours: rows of `inputs.resource_hours` by resource.
        bills: by resource; those that no bill has are missing.
        prices: list prices by usage type, as bills have them, by currency.
        list_prices: by region and instance type.
        present: by day the commitments that bills have.
        teams: by resource.
        several: resources whose charges a bill does not tell from another's: of these nothing is said.
        asked_of_bill: rows of `inputs.recommended_changes` that ask for a purchase or for tags.
        spend: rows of `inputs.spend_by_day`, which show purchases.
        tags: rows of `inputs.tags_by_day`, which show tags.
    """

    as_of: datetime
    said: pd.DataFrame
    inventory: Mapping[Key, pd.DataFrame]
    listed: Mapping[Key, Sequence[pd.Timestamp]]
    hours: Mapping[Key, pd.DataFrame]
    bills: Mapping[Key, Bill]
    prices: Mapping[str, Prices]
    list_prices: Mapping[str, Listed]
    present: Mapping[np.datetime64, frozenset[str]]
    teams: Mapping[Key, str]
    several: frozenset[Key] = frozenset()
    asked_of_bill: pd.DataFrame = field(default_factory=pd.DataFrame)
    spend: pd.DataFrame = field(default_factory=pd.DataFrame)
    tags: pd.DataFrame = field(default_factory=pd.DataFrame)


def write_ledger(known: Known) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of `gold.savings`, and those of `gold.savings_daily`."""
    changes = {each.recommendation_id: each for each in find_changes(known)}
    rows, daily = [], list[dict[str, Any]]()
    for name, said in known.said.groupby("recommendation_id", sort=True):
        change = changes.get(str(name))
        row = _describe(known, said, change)
        if change is not None:
            realised, bill = _realise(known, change)
            row |= _judge(change, realised, bill)
            if bill is not None and realised.told is not None and len(realised.told.days):
                named = {"as_of": known.as_of, "recommendation_id": str(name), "currency": bill.currency}
                daily += [named | {str(k): v for k, v in day.items()} for day in by_day(realised.told).to_dict("records")]
        rows.append(row)
    return [*rows, *_seen_in_bill(known)], daily


def _seen_in_bill(known: Known) -> Iterator[dict[str, Any]]:
    """The rows of what was to be bought or tagged: that it was is seen, not what that saved."""
    if known.asked_of_bill.empty:
        return
    oldest = pd.Timestamp(known.as_of - timedelta(days=FOLLOWED_DAYS))
    for _, said in known.asked_of_bill.groupby("recommendation_id", sort=True):
        is_purchase = said["action"].iloc[-1] == "purchase"
        find, seen = (find_purchase, known.spend) if is_purchase else (find_tags, known.tags)
        change = None if seen.empty else find(said, seen)
        if change is not None and change.first < oldest:
            change = None
        row = _describe(known, said, change)
        if change is not None:
            status = REGRESSED if change.undone else IMPLEMENTED
            reason = f"The bill shows it from {change.first:%Y-%m-%d} on: {change.former} before, {change.became} then."
            back = f" Taken back on {change.ends:%Y-%m-%d}." if change.undone else ""
            row |= _judge(change, Realised(status, reason + back, None), None)
        yield row


def find_changes(known: Known) -> list[Change]:
    """Every change that recommendations had asked for and that is still followed, in order of resource and day."""
    oldest = pd.Timestamp(known.as_of - timedelta(days=FOLLOWED_DAYS))
    found = [_find(known, said) for _, said in known.said.groupby("recommendation_id", sort=True)]
    told = [each for each in found if each is not None and each.resource not in known.several]
    return [each for each in settle(told) if each.first >= oldest]


def silent_resources(known: Known) -> set[Key]:
    """Those of whose change only a bill or hours can tell: no inventory of their service is newer than the recommendation, or the
    change is of hours."""
    silent = set()
    for said in _newest(known.said):
        key = _key(said)
        days = known.listed.get((key[0], key[1], str(said["service"])), [])
        if said["exclusive_group"] == "schedule" or not len(days) or days[-1] < said["as_of"]:
            silent.add(key)
    return silent


def services_of(said: pd.DataFrame) -> dict[Key, str]:
    """The services of the resources that recommendations are about."""
    return {_key(each): str(each["service"]) for each in _newest(said)}


def charge_at_list_price(
    forms: pd.Series,
    hours: pd.DataFrame,
    prices: Listed,
    monthly_usd: float | None,
    through: np.datetime64,
) -> tuple[pd.DataFrame, frozenset[np.datetime64]]:
    """What a resource would be charged at list price for the hours that it ran, where no bill has it; and the days on which it is
    listed as running while no hour was observed: nobody knows whether it was off then, or its metrics were lost.

    Args:
        forms: what it was, by day; a day without is as the one before.
        hours: ts and hours that were observed; where there are none at all it ran whenever it is listed as running.
        prices: of instance types, in its region.
        monthly_usd: what it costs a month at list price, for what is no instance.
        through: last day.
    """
    ran = dict(zip(pd.to_datetime(hours["ts"]), hours["hours"], strict=True))
    rows, unknown = [], set[np.datetime64]()
    days = pd.date_range(forms.index[0], pd.Timestamp(through), freq="D") if len(forms) else pd.DatetimeIndex([])
    for day, form in zip(days, forms.reindex(days, method="ffill"), strict=True):
        price = _price_on(prices.get(str(form)), day_of(day))
        usual = None if monthly_usd is None else monthly_usd / HOURS_PER_MONTH
        hourly = price if price is not None else None if str(form) in prices else usual
        if form == ENDED or hourly is None:
            continue
        if ran and day not in ran:
            unknown.add(day_of(day))
            continue
        quantity = float(ran[day]) if ran else 24.0
        name = str(form) if price is not None else "listed"
        rows.append((day, name, "Hrs", quantity, quantity * hourly, quantity * hourly, UNNAMED))
    return pd.DataFrame(rows, columns=list(CHARGED)), frozenset(unknown)


def _realise(known: Known, change: Change) -> tuple[Realised, Bill | None]:
    key = change.resource
    bill = known.bills.get(key) or _bill_at_list_price(known, change)
    hours = known.hours.get(key, pd.DataFrame({"ts": [], "hours": [], "saturated_hours": []}))
    charges = bill.charges if bill else pd.DataFrame(columns=list(CHARGED))
    through = bill.through if bill else known_until(pd.Timestamp(known.as_of))
    unknown = bill.unknown if bill else frozenset[np.datetime64]()
    seen = Seen(charges, through, hours, _prices(known, bill, key[1]), dict(known.present), unknown)
    return realise(change, seen), bill


def _prices(known: Known, bill: Bill | None, region: str) -> Prices:
    if bill is None:
        return Prices({})
    listed = known.list_prices.get(region, {})
    if bill.basis == LIST_BASIS:
        return Prices(listed)
    prices = known.prices.get(bill.currency, Prices({}))
    for name in sorted(set(bill.charges["usage_type"].astype(str))):
        of = split_usage_type(name)[1]
        if of and of in listed and bill.currency == "USD":
            prices = prices.listed(name, *listed[of])
    return prices


def _bill_at_list_price(known: Known, change: Change) -> Bill | None:
    key, said = change.resource, change.said
    rows = known.inventory.get(key)
    if rows is None or rows.empty:
        return None
    listed = list(known.listed.get((key[0], key[1], str(said["service"])), []))
    if not listed:
        return None
    forms = forms_by_inventory(rows, listed, "size")
    through = min(known_until(pd.Timestamp(known.as_of)) + 2 * _DAY, day_of(max(listed)))
    ends = said["exclusive_group"] == "end" and not pd.isna(said["monthly_cost_usd"])
    monthly = float(said["monthly_cost_usd"]) if ends else None
    hours = known.hours.get(key, pd.DataFrame({"ts": [], "hours": []}))
    charges, unknown = charge_at_list_price(forms, hours, known.list_prices.get(key[1], {}), monthly, through)
    return Bill(None, "USD", LIST_BASIS, charges, through, unknown) if len(charges) else None


def _find(known: Known, said: pd.DataFrame) -> Change | None:
    newest = said.iloc[-1]
    key, group = _key(newest.to_dict()), str(newest["exclusive_group"])
    if newest["rule_id"] in NOT_FOLLOWED:
        return None
    bill = known.bills.get(key)
    if group == "schedule":
        return find_schedule(said, _hours_by_day(known, key, bill, str(newest["service"])))
    rows = known.inventory.get(key)
    listed = known.listed.get((key[0], key[1], str(newest["service"])), [])
    found = None
    if rows is not None:
        found = find_change(said, forms_by_inventory(rows, listed, group), BY_INVENTORY)
    if found is None and bill is not None and (not len(listed) or listed[-1] < newest["as_of"]):
        days = pd.date_range(bill.charges["ts"].min(), pd.Timestamp(bill.through), freq="D")
        charges = bill.charges[bill.charges["ts"] <= pd.Timestamp(bill.through)]
        found = find_change(said, forms_by_bill(charges, list(days)), BY_BILL)
    return found


def _hours_by_day(known: Known, key: Key, bill: Bill | None, service: str) -> pd.Series:
    """Hours that a resource ran on each day from its first: by its bill, else as its metrics tell; without any of these it was
    off if the inventory says so, else NaN."""
    off = np.nan
    if bill is not None:
        rows = bill.charges[bill.charges["unit"].str.lower().isin(("hrs", "hours", "hour"))]
        sums, through, off = rows.groupby("ts")["quantity"].sum(), pd.Timestamp(bill.through), 0.0
    else:
        metrics = known.hours.get(key)
        if metrics is None or metrics.empty:
            return pd.Series(dtype=np.float64)
        sums, through = metrics.set_index("ts")["hours"].astype(np.float64), pd.Timestamp(known.as_of) - pd.Timedelta(days=1)
    if sums.empty or sums.index.min() > through:
        return pd.Series(dtype=np.float64)
    hours = sums.reindex(pd.date_range(sums.index.min(), through, freq="D"), fill_value=off)
    if bill is None and key in known.inventory:
        forms = forms_by_inventory(known.inventory[key], list(known.listed.get((key[0], key[1], service), [])), "size")
        hours = hours.mask(hours.isna() & (forms.reindex(hours.index) == ENDED), 0.0)
    return hours


def _describe(known: Known, said: pd.DataFrame, change: Change | None) -> dict[str, Any]:
    """What was recommended, and how it stood before the change, or last."""
    newest = said.iloc[-1].to_dict() if change is None else change.said
    firsts = said["first_seen_at"].dropna()
    answer = newest["status"] if newest["status"] in ANSWERS else None
    names = ("recommendation_id", "rule_id", "account", "region", "service", "resource_id", "action")
    return {
        **{name: newest[name] for name in names},
        "as_of": known.as_of,
        "team": known.teams.get(_key(newest)),
        "answer": answer,
        "first_seen_at": min(firsts.min(), said["as_of"].min()) if len(firsts) else said["as_of"].min(),
        "last_seen_at": said["as_of"].max(),
        "times_seen": len(said),
        "promised_monthly_usd": newest["savings_monthly_usd"],
        "portfolio_monthly_usd": newest["portfolio_savings_usd"],
        "is_counted": change is None or change.is_counted,
        "days": 0,
    }


def _judge(change: Change, realised: Realised, bill: Bill | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "status": realised.status,
        "reason": realised.reason,
        "changed_on": change.first,
        "ended_on": change.ends,
        "shown_by": change.evidence,
        "former_config": change.former,
        "became_config": change.became,
    }
    told = realised.told
    if bill is None or told is None or not len(told.days):
        return row
    return {
        **row,
        **in_sum(told),
        "source": bill.source,
        "currency": bill.currency,
        "cost_basis": bill.basis,
        "demand_basis": told.basis,
        "measured_from": pd.Timestamp(told.days[0]),
        "measured_through": pd.Timestamp(told.days[-1]),
        "days": len(told.days),
    }


def _price_on(listed: tuple[npt.NDArray[np.datetime64], Floats] | None, day: np.datetime64) -> float | None:
    """The price that holds on a day; the oldest, where none is so old."""
    if listed is None or not len(listed[0]):
        return None
    return float(listed[1][max(int(np.searchsorted(listed[0], day, side="right")) - 1, 0)])


def _key(said: Mapping[Any, Any]) -> Key:
    return (str(said["account"]), str(said["region"]), str(said["resource_id"]))


def _newest(said: pd.DataFrame) -> Iterator[dict[Any, Any]]:
    rows: Iterable[dict[Any, Any]] = said.groupby("recommendation_id", sort=True).tail(1).to_dict("records")
    yield from rows
