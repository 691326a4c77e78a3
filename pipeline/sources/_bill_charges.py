"""The lines of a synthetic estate's bill, as FOCUS 1.2 has them.

A day of a stream is one line, or two where a commitment covers a part of it. The Savings Plan of the estate costs a fixed amount
a day: it covers machines in the order of their streams at its rates, what it does not cover is on demand, what it does not use
is unused. So of every day: effective cost of what is covered and unused = what is billed for the plan. Reservations of databases
are billed on a month's first day for all of it, and cover so many of them a day. Support, tax and credits stand once a month.
All money is in whole units of 1e-10 dollars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.sources._bill_estate import ACCOUNTS, DATABASE, EC2, PAYER, PER_USD, RDS, Stream

Whole = npt.NDArray[np.int64]

#: Of the list price: what a plan's hour, and a reservation's, cost.
PLAN_RATE, RESERVATION_RATE = 0.72, 0.65
#: Share of the first month's machines that the plan is bought for, and of the first databases that are reserved.
PLANNED_SHARE, RESERVED_SHARE = 0.6, 0.5
SUPPORT, TAX = 0.10, 0.08
#: What was promised in credits at the start, in dollars, and how much of a month it pays at most.
CREDITS, CREDITED = 2_000, 0.05
REGION, ISSUER = "us-east-1", "Amazon Web Services, Inc."
PLAN_ID = "arn:aws:savingsplans::100000000000:savingsplan/5a7e-estate"
RESERVATION_ID = "arn:aws:rds:us-east-1:100000000000:ri:estate"
MONEY = pa.decimal128(38, 10)
_TYPES: dict[pa.DataType, str] = {
    pa.timestamp("us"): "BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd",
    MONEY: "BilledCost EffectiveCost ListCost ContractedCost",
    pa.float64(): "ConsumedQuantity PricingQuantity",
    pa.string(): """
        BillingAccountId BillingAccountName BillingCurrency ChargeCategory ChargeClass ChargeDescription ChargeFrequency
        CommitmentDiscountCategory CommitmentDiscountId CommitmentDiscountStatus CommitmentDiscountType ConsumedUnit InvoiceId
        InvoiceIssuerName PricingCategory PricingCurrency PricingUnit ProviderName PublisherName RegionId ResourceId ResourceType
        ServiceCategory ServiceName SkuMeter SubAccountId SubAccountName Tags x_UsageType
    """,
}
SCHEMA = pa.schema([(name, kind) for kind, names in _TYPES.items() for name in names.split()])


@dataclass(frozen=True)
class Bill:
    """What there is to charge for.

    Attributes:
        start: the estate's first day.
        streams: what is used.
        used: units per day offset and stream, (T, S).
        commitment: of the Savings Plan per day.
        reserved: databases that reservations cover, per day.
    """

    start: date
    streams: list[Stream]
    used: npt.NDArray[np.float64]
    commitment: int
    reserved: int


def open_bill(start: date, streams: list[Stream], used: npt.NDArray[np.float64]) -> Bill:
    """A bill with the commitments that were bought by what the first month needed."""
    month = list_cost(streams, used[:30])
    machines = month[:, _eligible(streams)].sum(axis=1).mean() if len(month) else 0.0
    databases = sum(1 for each in streams if each.kind == DATABASE and each.first == 0)
    commitment = int(machines * PLAN_RATE * PLANNED_SHARE)
    return Bill(start, streams, used, commitment, int(databases * RESERVED_SHARE))


def list_cost(streams: list[Stream], used: npt.NDArray[np.float64]) -> Whole:
    """At list prices, (T, S)."""
    prices = np.array([each.kind.price for each in streams])
    cost: Whole = np.rint(used * prices * PER_USD).astype(np.int64)
    return cost


def _eligible(streams: list[Stream]) -> npt.NDArray[np.bool_]:
    return np.array([each.kind.service == EC2 and each.kind.category == "Compute" for each in streams])


def lines(bill: Bill, period: date, until: date) -> pa.Table:
    """The lines of one billing period, in `SCHEMA`, as the export says on a day: days before it only.

    Args:
        period: its first day.
        until: the day of the export; a month that is over has its invoice number.
    """
    end = next_month(period)
    first = max((period - bill.start).days, 0)
    last = min((min(end, until) - bill.start).days, len(bill.used))
    if first >= last:
        return SCHEMA.empty_table()
    charged = _charged(bill, np.arange(first, last))
    closed = until >= end
    billed = int(charged["billed"].sum())
    monthly = [
        _monthly("Purchase", "AWS Support (Business)", round(billed * SUPPORT)),
        _monthly("Tax", "Tax", round(billed * TAX)),
    ]
    if closed:
        monthly.append(_monthly("Credit", "Promotional credit", -_credited(bill.start, period, billed)))
    whole = pd.concat([charged, pd.DataFrame(monthly).assign(day=-1)], ignore_index=True)
    whole = whole.fillna({"service": "", "by": "", "status": ""}).astype({"day": "int64", "stream": "int64"})
    return _as_focus(whole, bill, period, closed=closed)


def next_month(period: date) -> date:
    """The first day of the month after."""
    return (period.replace(day=1) + timedelta(days=32)).replace(day=1)


def _charged(bill: Bill, days: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Lines that belong to a day: day, stream (-1: none), category, status, quantity, billed, effective, list and the rest."""
    used = bill.used[days]
    cost = list_cost(bill.streams, used)
    eligible = np.flatnonzero(_eligible(bill.streams))
    by_plan = np.zeros_like(cost)
    rated = np.rint(cost[:, eligible] * PLAN_RATE).astype(np.int64)
    before = np.cumsum(rated, axis=1) - rated
    by_plan[:, eligible] = np.clip(bill.commitment - before, 0, rated)
    share = np.divide(by_plan[:, eligible], rated, out=np.zeros(rated.shape), where=rated > 0)
    covered = np.zeros_like(cost)
    covered[:, eligible] = np.where(share >= 1, cost[:, eligible], np.rint(cost[:, eligible] * share).astype(np.int64))
    databases = np.flatnonzero([each.kind == DATABASE for each in bill.streams])
    running = np.cumsum(cost[:, databases] > 0, axis=1)
    reserved = (cost[:, databases] > 0) & (running <= bill.reserved)
    by_reservation = np.zeros_like(cost)
    by_reservation[:, databases] = np.where(reserved, reservation_day(), 0)
    covered[:, databases] = np.where(reserved, cost[:, databases], 0)
    quantity = np.divide(used * covered, cost, out=np.zeros(used.shape), where=cost > 0)
    idle = bill.reserved - reserved.sum(axis=1)
    rest, nothing = cost - covered, np.zeros_like(cost)
    return pd.concat(
        [
            _block(days, _Amounts(quantity, nothing, by_plan, np.where(by_plan > 0, covered, 0)), PLAN_ID),
            _block(days, _Amounts(quantity, nothing, by_reservation, np.where(by_reservation > 0, covered, 0)), RESERVATION_ID),
            _block(days, _Amounts(used - quantity, rest, rest, rest), ""),
            _commitment(days, PLAN_ID, bill.commitment, bill.commitment - by_plan.sum(axis=1)),
            _commitment(days, RESERVATION_ID, 0, idle * reservation_day()),
            _reservation_fee(bill, days),
        ],
        ignore_index=True,
    )


def reservation_day() -> int:
    """What a reserved database costs a day."""
    return round(24 * DATABASE.price * RESERVATION_RATE * PER_USD)


class _Amounts(NamedTuple):
    """Of each day and stream, (T, S)."""

    quantity: npt.NDArray[np.float64]
    billed: Whole
    effective: Whole
    list: Whole


def _block(days: npt.NDArray[np.int64], amounts: _Amounts, by: str) -> pd.DataFrame:
    """A line for each day and stream that something at list price stands for."""
    row, stream = np.nonzero(amounts.list > 0)
    values = {name: amount[row, stream] for name, amount in amounts._asdict().items()}
    status = "Used" if by else ""
    return pd.DataFrame({"day": days[row], "stream": stream, "category": "Usage", "by": by, "status": status, **values})


def _commitment(days: npt.NDArray[np.int64], by: str, fee: int, unused: Whole) -> pd.DataFrame:
    """What is paid for a commitment day by day, and what of it nobody used."""
    idle = unused > 0
    paid = pd.DataFrame({"day": days, "category": "Purchase", "status": "", "billed": fee, "effective": 0})
    rest = pd.DataFrame({"day": days[idle], "category": "Usage", "status": "Unused", "billed": 0, "effective": unused[idle]})
    both = pd.concat([paid, rest] if fee else [rest], ignore_index=True)
    return both.assign(stream=-1, by=by, quantity=0.0, list=both["billed"])


def _reservation_fee(bill: Bill, days: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Billed on the first day of the month, or of the estate, for all its days to come."""
    opening = bill.start + timedelta(days=int(days[0]))
    fee = bill.reserved * reservation_day() * (next_month(opening) - opening).days
    row = {"day": days[0], "stream": -1, "category": "Purchase", "by": RESERVATION_ID, "status": "", "quantity": 0.0}
    return pd.DataFrame([row | {"billed": fee, "effective": 0, "list": fee}] if fee else [])


def _credited(start: date, period: date, billed: int) -> int:
    """What of the promised credits a month takes, if all months before it took as much."""
    months = (period.year - start.year) * 12 + period.month - start.month
    month = round(billed * CREDITED)
    return min(max(CREDITS * PER_USD - months * month, 0), month)


def _monthly(category: str, service: str, amount: int) -> dict[str, Any]:
    worth = {"quantity": 0.0, "billed": amount, "effective": amount, "list": amount}
    return {"stream": -1, "category": category, "by": "", "status": "", "service": service, **worth}


@dataclass(frozen=True)
class _About:
    """What lines say beside their amounts: one entry per stream, then one per line that belongs to none."""

    service: str
    category: str
    meter: str
    unit: str
    resource: str
    kind: str
    account: str
    name: str
    tags: str


def _about(stream: Stream) -> _About:
    kind = stream.kind
    account = ACCOUNTS[stream.environment]
    return _About(
        kind.service, kind.category, kind.usage_type, kind.unit, stream.resource_id, kind.resource, *account, stream.tags_json
    )


PLAN_SERVICE = "Savings Plans for AWS Compute usage"
_NOT_OF_A_STREAM = {
    PLAN_ID: _About(PLAN_SERVICE, "Compute", "ComputeSP:1yrNoUpfront", "Hrs", PLAN_ID, "commitment", *PAYER, ""),
    RESERVATION_ID: _About(RDS, "Databases", "HeavyUsage:db.t3.large", "Hrs", RESERVATION_ID, "commitment", *PAYER, ""),
}
#: Category and type of a commitment.
_COMMITTED = {PLAN_ID: ("Spend", "Savings Plan"), RESERVATION_ID: ("Usage", "Reserved"), "": ("", "")}


def _as_focus(whole: pd.DataFrame, bill: Bill, period: date, *, closed: bool) -> pa.Table:
    end = next_month(period)
    of_streams = [_about(each) for each in bill.streams]
    about = [
        of_streams[stream] if stream >= 0 else _NOT_OF_A_STREAM.get(by) or _About(service, "Other", "", "", "", "", *PAYER, "")
        for stream, by, service in zip(whole["stream"], whole["by"], whole["service"], strict=True)
    ]
    day = np.datetime64(bill.start, "us") + np.maximum(whole["day"].to_numpy(), 0) * np.timedelta64(86_400_000_000)
    monthly = whole["day"].to_numpy() < 0
    begin = np.where(monthly, np.datetime64(period, "us"), day)
    over = np.where(monthly, np.datetime64(end, "us"), day + np.timedelta64(86_400_000_000))
    committed = whole["by"].to_numpy(dtype=object)
    used = (whole["status"] == "Used").to_numpy()
    usage = (whole["category"] == "Usage").to_numpy()
    texts: dict[str, Any] = {
        "ServiceName": [each.service for each in about],
        "ServiceCategory": [each.category for each in about],
        **{name: [each.meter for each in about] for name in ("SkuMeter", "x_UsageType")},
        **{name: [each.unit for each in about] for name in ("ConsumedUnit", "PricingUnit")},
        "ResourceId": [each.resource for each in about],
        "ResourceType": [each.kind for each in about],
        "SubAccountId": [each.account for each in about],
        "SubAccountName": [each.name for each in about],
        "Tags": [each.tags for each in about],
        "ChargeCategory": whole["category"],
        "ChargeDescription": [f"{each.meter or each.service}" for each in about],
        "ChargeFrequency": np.where(usage, "Usage-Based", "Recurring"),
        "CommitmentDiscountId": committed,
        "CommitmentDiscountStatus": whole["status"],
        "CommitmentDiscountCategory": [_COMMITTED[by][0] for by in committed],
        "CommitmentDiscountType": [_COMMITTED[by][1] for by in committed],
        "PricingCategory": np.where(used, "Committed", np.where(usage, "Standard", "")),
        "RegionId": np.where(monthly, "", REGION),
        "InvoiceId": f"{period:%Y%m}-estate" if closed else "",
        **dict.fromkeys(("InvoiceIssuerName", "PublisherName"), ISSUER),
        "ProviderName": "AWS",
        "BillingAccountId": PAYER[0],
        "BillingAccountName": PAYER[1],
        **dict.fromkeys(("BillingCurrency", "PricingCurrency"), "USD"),
        "ChargeClass": "",
    }
    values: dict[str, Any] = {
        "BillingPeriodStart": np.full(len(whole), np.datetime64(period, "us")),
        "BillingPeriodEnd": np.full(len(whole), np.datetime64(end, "us")),
        "ChargePeriodStart": begin,
        "ChargePeriodEnd": over,
        "ConsumedQuantity": np.where(usage, whole["quantity"], np.nan),
        "PricingQuantity": np.where(usage, whole["quantity"], np.nan),
        **{name: _dollars(whole[column]) for name, column in MEANINGS.items()},
    }
    columns = {name: _words(text, len(whole)) for name, text in texts.items()} | {
        name: pa.array(value, from_pandas=True) for name, value in values.items()
    }
    return pa.table([columns[field.name].cast(field.type) for field in SCHEMA], schema=SCHEMA)


#: Which of ours each of FOCUS's costs is; nothing was negotiated.
MEANINGS = {"BilledCost": "billed", "EffectiveCost": "effective", "ListCost": "list", "ContractedCost": "list"}


def _words(text: Any, length: int) -> pa.Array:
    """Text, where the empty one is null."""
    array = pa.repeat(text, length) if isinstance(text, str) else pa.array(text, pa.string())
    return pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array)


def _dollars(whole: pd.Series) -> pa.Array:
    digits = pa.array(whole.astype("int64")).cast(pa.decimal128(19, 0))
    return pc.multiply(digits, pa.scalar(Decimal(1).scaleb(-10), pa.decimal128(11, 10)))
