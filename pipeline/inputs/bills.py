"""Which executions of bills count: the newest of each export, and of exports that charge the same that of the newest format."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Container
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa

from pipeline.errors import DataError
from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.tables.columns import BILL_FORMATS
from pipeline.tables.money import BILL

log = logging.getLogger(__name__)
Row: TypeAlias = dict[str, Any]
Owner: TypeAlias = tuple[str, datetime, str, str]
"""Whose bill of which month: source, billing period, provider and payer."""
#: After the end of a billing period; AWS changes a bill for two weeks.
CLOSED_AFTER = timedelta(days=14)
_MEANINGS = ("billed_cost", "effective_cost")
# What a row of a bill has of its landing.
_OF_LANDING = ("execution", "ingested_at", "said_closed_at")


def read_bills(interval: Interval, lake: Lake, settings: Settings) -> pa.Table:
    """The rows of `silver.bill` for whole months.

    Raises:
        DataError: the lines of one export and payer have several currencies, or the sum of a closed period moved by more than
            `restated_limit`; the message names export, period and figure, and what was published stays.
    """
    loads = ask(lake, "bill_loads", start=interval.start, end=interval.end).to_pylist()
    by_owner: dict[Owner, list[Row]] = {}
    for load in loads:
        _refuse_mixed(load)
        by_owner.setdefault(_owner(load), []).append(load)
    several = any(len({load["export"] for load in same}) > 1 for same in by_owner.values())
    pairs = ask(lake, "bill_overlaps", start=interval.start, end=interval.end).to_pylist() if several else []
    overlaps = {(_owner(pair), pair["export"], pair["other"]) for pair in pairs}
    for owner, same in by_owner.items():
        named = name_counting(owner, settings)
        if named and all(load["export"] != named for load in same):
            log.warning(
                "%s: counting_exports names %s, of which nothing was landed; the newest format counts", said(same[0]), named
            )
        supersede(same, {frozenset(names) for of, *names in overlaps if of == owner}, named)
    accepted = set(ask(lake, "accepted_bills", start=interval.start, end=interval.end)["subject_id"].to_pylist())
    check_closed(lake.read(BILL, BILL.scope(interval)).to_pylist(), loads, settings.restated_limit, accepted)
    for load in loads:
        if load["superseded_by"]:
            is_named = load["superseded_by"] == name_counting(_owner(load), settings)
            why = "is named in counting_exports" if is_named else "charges the same and is newer"
            log.warning("%s: not counted, for %s %s", said(load), load["superseded_by"], why)
    return pa.Table.from_pylist(loads, schema=_schema())


def name_counting(owner: Owner, settings: Settings) -> str:
    """The export that the setting `counting_exports` names of one bill; empty where it names none. The first that fits counts."""
    _, period, *bill = owner
    for stated in settings.counting_exports:
        whose, _, export = stated.partition("=")
        provider, payer, month = whose.split("/")
        wanted = zip((provider, payer, month), (*bill, f"{period:%Y-%m}"), strict=True)
        if all(word in ("*", said) for word, said in wanted):
            return export
    return ""


def supersede(loads: list[Row], overlaps: set[frozenset[str]], named: str = "") -> None:
    """Say of each export of one bill which counts in its place: one of a newer format, or landed later, with a common charge.

    One that does not count itself takes nobody's place. One that is named takes the place of all, whatever they charge.

    Args:
        loads: the newest landing of each export; each gets `superseded_by`.
        overlaps: pairs of exports that charge one resource for one day.
        named: the export that counts alone; where there is no such, it names nothing.
    """
    if any(load["export"] == named for load in loads):
        for load in loads:
            load["superseded_by"] = None if load["export"] == named else named
        return
    counting: list[str] = []
    for load in sorted(loads, key=_newness, reverse=True):
        load["superseded_by"] = next((each for each in counting if frozenset((each, load["export"])) in overlaps), None)
        if load["superseded_by"] is None:
            counting.append(load["export"])


def check_closed(before: list[Row], now: list[Row], limit: float, accepted: Container[str] = ()) -> None:
    """Hold a bill whose period is closed and of which the same export says something else by more than a share.

    One that another export takes the place of is not held: somebody named that; neither is one that a person accepted.

    Args:
        before, now: rows of `silver.bill`, published and to be.
        limit: the share.
        accepted: as `name_of` says.

    Raises:
        DataError: naming of each that is held the export, the period and both sums.
    """
    known, executions = {_key(row): row for row in now}, {_export(row): {name: row[name] for name in _OF_LANDING} for row in now}
    held = []
    for old in before:
        # A payer of whom the execution that counts now says nothing any more.
        gone = old | dict.fromkeys(_MEANINGS) | executions.get(_export(old), {})
        new = known.get(_key(old), gone)
        if old["superseded_by"] or new["superseded_by"] or not (is_closed(old) or is_said_closed(new)):
            continue
        sums = {meaning: (old[meaning] or Decimal(0), new[meaning] or Decimal(0)) for meaning in _MEANINGS}
        moved = {meaning: (was, is_now) for meaning, (was, is_now) in sums.items() if was != is_now}
        too_far = [meaning for meaning, (was, is_now) in moved.items() if abs(is_now - was) > Decimal(str(limit)) * abs(was)]
        if too_far and name_of(new) not in accepted:
            held.append(_why_held(old, new, too_far[0], moved[too_far[0]], limit))
            continue
        for meaning, (was, is_now) in moved.items():
            log.warning("%s of payer %s: restated, %s was %s and is %s", said(old), old["payer"], meaning, was, is_now)
    if held:
        raise DataError("\n".join(held))


def _why_held(old: Row, new: Row, meaning: str, sums: tuple[Decimal, Decimal], limit: float) -> str:
    command = shlex.join([new["export"], f"{new['billing_period']:%Y-%m}", new["execution"]])
    return (
        f"{said(old)} of payer {old['payer']}: {meaning} of a closed period moved from {sums[0]:,.2f} to {sums[1]:,.2f}, "
        f"by more than {limit:.3g} (restated_limit); what was published stays. Where that is right: "
        f"`python -m pipeline billing accept {command} --reason …`"
    )


def is_closed(bill: Row) -> bool:
    """Whether a bill is final: landed after its month, and every line was invoiced or the days of correction were over.

    Within the month fees that are paid at once have an invoice, before there is any usage.
    """
    end = Interval(bill["billing_period"], bill["billing_period"] + timedelta(days=1)).whole_months().end
    return bool(bill["ingested_at"] >= (end if bill["uninvoiced_lines"] == 0 else end + CLOSED_AFTER))


def is_said_closed(bill: Row) -> bool:
    """Whether a bill was landed after it was that its period is closed: what it says otherwise than before is a restatement.

    Bills are landed before what the data set Billing Period says, so that the last one of a period that is being closed is none.
    """
    return bool(bill["said_closed_at"] and bill["ingested_at"] > bill["said_closed_at"])


def name_of(load: Row) -> str:
    """What a person calls an execution by: export, month and execution."""
    return f"{load['export']} {load['billing_period']:%Y-%m} {load['execution']}"


def said(load: Row) -> str:
    """What messages call a load."""
    return f"{load['export']} {load['billing_period']:%Y-%m}"


def _refuse_mixed(load: Row) -> None:
    if load["currencies"] > 1:
        raise DataError(
            f"{said(load)}: its lines of payer {load['payer']} have {load['currencies']} currencies in one column of cost, which "
            "cannot be added; export the billing currency; what was published stays"
        )


def _owner(row: Row) -> Owner:
    return row["source"], row["billing_period"], row["provider"], row["payer"]


def _export(row: Row) -> tuple[Any, ...]:
    return row["source"], row["export"], row["billing_period"]


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in BILL.key)


def _newness(load: Row) -> tuple[int, int, datetime, str]:
    return BILL_FORMATS.index(load["format"]), load["sequence"] or 0, load["ingested_at"], load["load_id"]


def _schema() -> pa.Schema:
    return pa.schema([BILL.arrow_schema.field(column.name) for column in BILL.columns])
