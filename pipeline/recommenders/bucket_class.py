"""Buckets whose old objects are read so little that Standard-IA costs less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import DAYS_PER_MONTH
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.measures import busiest_day, newest, total_of
from pipeline.advice.prices import Price, monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"s3"})

# A lifecycle moves nothing to Standard-IA before that, which bills as many days at least.
_DAYS = 30
# What S3 says once a day of every bucket: of a day without it nothing was asked.
_SIZE = "BucketSizeBytes:StandardStorage"
_LEAST_SEEN = 0.9
_GIB, _MONTHS_PER_YEAR = 2**30, 12


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_object_kib: float = Field(
        128, ge=128, le=1_048_576, description="Smaller objects are billed as if they were that large (Amazon S3: 128 KiB)."
    )
    min_savings_usd: float = Field(5, ge=0, le=100_000, description="Smallest monthly saving worth a rule.")


@dataclass(frozen=True)
class _Use:
    """What is known of a bucket: GiB and objects in Standard, and of a month what is read, how often, and GiB older than that."""

    gib: float
    objects: float
    read_gib: float
    reads: float
    old_gib: float


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every bucket: rightsize (by a lifecycle rule), keep or insufficient_data.

    What was not uploaded in the last 30 days is older than that at least, and is what would be moved. Off what its storage costs
    less goes all that is read of the bucket, as if it were all of what is moved, at the price of retrieval and of requests; and
    the move itself, which is paid for once by the object, a twelfth of it in each month. Objects are as large as they are on
    average; where that is too small, nothing is to be moved. A bucket whose requests are not counted is not judged.

    Source: Amazon S3 pricing and User Guide, Standard-IA: 128 KiB and 30 days at least, retrieval by the GB; Cloud Intelligence
    Dashboards, storage not in Standard.
    """
    prices = {unit: price_lists(estate, "s3", unit) for unit in ("GB-month", "GB", "1k requests")}
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, Mapping[str, pd.DataFrame]]) -> Row:
    facts = facts_of(case.resource)
    age = case.age_days()
    if age is not None and age < _DAYS:
        return case.insufficient(f"Made {age:.1f} days ago; {_DAYS} days of history are needed.")
    gib, objects = _held(case)
    if gib is None or objects is None:
        return case.insufficient(f"How much it holds in Standard, in how many objects, is not known of the last {_DAYS} days.")
    price = monthly_price(prices["GB-month"], case.region, "Standard storage first tier", gib)
    case = replace(case, config=f"Standard, {gib:,.1f} GiB", price=price)
    if "lifecycle" not in facts:
        return case.insufficient("The inventory does not say what its lifecycle does.")
    if moves := facts.get("moves_to"):
        return case.keep(f"Its lifecycle moves objects already, to {moves}.")
    if objects == 0 or gib * _GIB / 1024 / objects < options.min_object_kib:
        return case.keep(
            f"Its objects have less than {options.min_object_kib:g} KiB on average, which Standard-IA bills for each."
        )
    days = case.in_state_for() or 0.0
    if optional_text(case.resource.get("state")) != "counted" or days < _DAYS:
        since = f"for {days:.0f} days only" if optional_text(case.resource.get("state")) == "counted" else "not"
        return case.insufficient(
            f"Its requests are counted {since}; {_DAYS} days of request metrics named EntireBucket are needed."
        )
    seen = busiest_day(case, _SIZE, _DAYS).coverage
    if seen < _LEAST_SEEN:
        # A day of which CloudWatch was not asked looks like one without requests.
        return case.insufficient(f"CloudWatch was asked of {seen:.0%} of the last {_DAYS} days; {_LEAST_SEEN:.0%} are needed.")
    return _answer(case, options, _used(case, gib, objects), prices)


def _held(case: Case) -> tuple[float | None, float | None]:
    size = newest(case, _SIZE, _DAYS)
    return (None if size is None else size / _GIB, newest(case, "NumberOfObjects:AllStorageTypes", _DAYS))


def _used(case: Case, gib: float, objects: float) -> _Use:
    month = DAYS_PER_MONTH / _DAYS
    # Mbit/s and seconds to GiB.
    read, written = (total_of(case, f"Bytes{way}:EntireBucket", _DAYS) * 1e6 / 8 / _GIB for way in ("Downloaded", "Uploaded"))
    reads = total_of(case, "GetRequests:EntireBucket", _DAYS)
    return _Use(gib, objects, read * month, reads * month, max(gib - written, 0.0))


def _answer(case: Case, options: Options, use: _Use, prices: Mapping[str, Mapping[str, pd.DataFrame]]) -> Row:
    observed = {
        "standard_gib": round(use.gib, 3),
        "older_gib": round(use.old_gib, 3),
        "read_gib_a_month": round(use.read_gib, 3),
        "reads_a_month": round(use.reads, 1),
        "objects": round(use.objects),
    }
    thresholds = {"object_kib": options.min_object_kib, "savings_usd": options.min_savings_usd}
    case = replace(case, evidence={"window_days": _DAYS, "observed": observed, "thresholds": thresholds}, confidence=0.8)
    if use.old_gib == 0:
        return case.keep(f"All of it was uploaded in the last {_DAYS} days.")
    if use.read_gib >= use.old_gib:
        return case.keep(f"It is read: {use.read_gib:,.1f} GiB a month, of {use.old_gib:,.1f} GiB that are older than that.")
    saving = _saving(case, use, prices)
    if saving is not None and saving < options.min_savings_usd:
        return case.keep(f"Standard-IA would save {saving:,.2f} dollars a month after retrieval, too little for a rule.")
    change = Change(
        target=f"Standard-IA after {_DAYS} days",
        saving_usd=saving,
        chance=1.0,
        confidence=0.8,
        risk_level=1,
        effort="low",
        rollback_note="Take the rule away; what was moved is copied back at the price of its retrieval and requests.",
    )
    reason = (
        f"{use.old_gib:,.1f} GiB are older than {_DAYS} days, and {use.read_gib:,.1f} GiB a month are read: a lifecycle rule to "
        "Standard-IA costs less, retrieval counted."
    )
    return case.recommend("rightsize", reason, change)


def _saving(case: Case, use: _Use, prices: Mapping[str, Mapping[str, pd.DataFrame]]) -> float | None:
    """What Standard-IA saves in a month, after what it costs to read and to move there; None without a price of all of these."""

    def cost(unit: str, item: str, units: float) -> Price | None:
        return monthly_price(prices[unit], case.region, item, units)

    moved = use.objects * use.old_gib / use.gib
    now = [
        cost("GB-month", "Standard storage first tier", use.old_gib),
        cost("1k requests", "Standard GET requests", use.reads / 1000),
    ]
    then = [
        cost("GB-month", "Standard-IA storage", use.old_gib),
        cost("GB", "Standard-IA retrieval", use.read_gib),
        cost("1k requests", "Standard-IA GET requests", use.reads / 1000),
        cost("1k requests", "Standard-IA lifecycle transition", moved / 1000 / _MONTHS_PER_YEAR),
    ]
    known = [part.monthly_usd for part in (*now, *then) if part is not None]
    return None if len(known) < len(now) + len(then) else sum(known[: len(now)]) - sum(known[len(now) :])
