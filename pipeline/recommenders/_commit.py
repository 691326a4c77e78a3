"""What rules that buy commitments share: how much is worth committing to by a bill, after what other rules change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.bill import COMMITMENT, by_day, commitment_end, days_of, last_days, why_unknown
from pipeline.advice.case import Case, Change, Row
from pipeline.advice.commitment import (
    MOST_CHANCE,
    Mix,
    Purchase,
    choose_commitment,
    ladder,
    lookback_commitment,
    lowest_commitment,
)
from pipeline.advice.commitment_rates import Rates, Terms
from pipeline.advice.estate import Estate
from pipeline.advice.prices import HOURS_PER_MONTH, Price
from pipeline.advice.spend_paths import LEVEL_DAYS, spend_paths
from pipeline.tables.commitments import ALL_UPFRONT, NO_UPFRONT, PARTIAL_UPFRONT, STANDARD, Payment

# What is paid for commitments now shows in so many of the newest days of a bill, of which the last may not be whole.
_PAID_DAYS = 3
# A discount that is read off the bill and is larger is none: the bill does not say what is paid.
_MOST_DISCOUNT = 0.9
# So much of what a family costs must have a listed rate for the family to have one: sizes of a family are alike.
_LEAST_LISTED = 0.9
# Of what is paid over the term, how much is on the first day; of a part AWS says "about half".
_UPFRONT = {NO_UPFRONT: 0.0, PARTIAL_UPFRONT: 0.5, ALL_UPFRONT: 1.0}
# Of what is left out a reason names the most; the evidence has all.
_MOST_NAMED = 3
# Where a discount is from, in the order in which it is looked for.
_LISTED, _BILLED, _ASSUMED = "price list", "bill", "assumed"


class CommitOptions(BaseModel):
    """What to commit to, and how much may go wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term_days: int = Field(365, ge=30, le=1095, description="Term of a commitment; AWS sells 365 and 1,095 days.")
    most_chance_of_loss_pct: float = Field(
        100 * MOST_CHANCE, ge=0, le=50, description="So likely a purchase may be to lose money over its term."
    )
    target_coverage_pct: float = Field(100, ge=10, le=100, description="Share of what may be covered that is to be covered.")
    purchases: int = Field(1, ge=1, le=12, description="A commitment is bought in so many equal parts, a quarter apart.")
    min_days: int = Field(60, ge=30, le=180, description="So many days of the bill are needed.")
    min_saving_usd: float = Field(5, ge=0, le=100_000, description="A purchase that saves less a month is not worth it.")
    payment: Payment = Field("no_upfront", description="How it is paid, which the rates of price lists depend on.")
    assumed_discount_pct: float = Field(
        0,
        ge=0,
        le=80,
        description="Of a family of which no rate is listed and the bill has none covered; 0: not known, and left out.",
    )


@dataclass(frozen=True)
class Offer:
    """What may be committed to.

    Attributes:
        name: of the commitment, as a sentence begins with it.
        target: the same, as what is to be bought ends with it.
        nothing: what is said where the bill has nothing of it.
        caveat: what a reason ends with.
        is_coverable: of rows of the bill, which it may cover.
        is_commitment: of rows of the bill, which are of a commitment of this kind.
        held: of rows of the bill of the last days, the ids of the commitments that cover such usage, or may.
        family: of usage types, what has a discount of its own.
        changed: the services of the inventory whose changes take from what may be covered.
        is_changed: of rows of the bill, which are of these services; None where it is all that may be covered.
        kind: what `pipeline.tables.commitments` calls it.
        rollback_note: what may be done with it when it is needed no more.
        is_of_linux: whether it covers instances of Linux on shared tenancy alone, which the bill's list price tells.
    """

    name: str
    target: str
    nothing: str
    caveat: str
    is_coverable: Callable[[pd.DataFrame], pd.Series]
    is_commitment: Callable[[pd.DataFrame], pd.Series]
    held: Callable[[pd.DataFrame], set[str]]
    family: Callable[[pd.Series], pd.Series]
    changed: tuple[str, ...]
    is_changed: Callable[[pd.DataFrame], pd.Series] | None = None
    kind: str = STANDARD
    rollback_note: str = "None: it is paid to the end of its term."
    is_of_linux: bool = False


@dataclass(frozen=True)
class _Discount:
    """The discount of a family, where it is from, and since when a listed one is known."""

    share: float
    source: str
    as_of: pd.Timestamp | None = None


def judge_offer(case: Case, bill: pd.DataFrame, offer: Offer, rates: Rates, options: CommitOptions) -> Row:
    """Purchase, keep or insufficient_data, by the bill of the payer.

    What may be covered, at list price, on each day of up to 180: what is on demand, and what is covered now. Its level without
    what the changes of other rules take away is carried on by paths, and what is committed to already is taken off, until it ends
    where the inventory says when. Families, of one system each, have the discount of the price list on the terms of the options;
    without one that which the bill shows of what is covered of them, else what is assumed. The rest is left out, and the evidence
    says how much that is.
    """
    coverable = bill[offer.is_coverable(bill) & bill["charged_as"].isin(["on_demand", "covered"])]
    coverable = coverable[(coverable["charged_as"] == "on_demand") | offer.is_commitment(coverable)]
    if reason := why_unknown(bill, case.estate, options.min_days):
        return case.insufficient(reason)
    if coverable.empty:
        return case.keep(offer.nothing)
    if _is_unpaid(bill, offer):
        return case.insufficient(
            "The bill does not say what is paid for the commitments that cover usage: it states no effective cost."
        )
    runs = rates.what_runs(coverable)
    coverable = coverable.assign(family=offer.family(coverable["usage_type"]) + runs)
    discounts = _discounts(coverable[runs == ""] if offer.is_of_linux else coverable, offer, rates, options)
    left_out = _left_out(coverable, discounts)
    known = coverable[coverable["family"].isin(discounts)]
    recent = last_days(bill, LEVEL_DAYS)
    now = known[known["ts"] >= recent["ts"].min()]
    if not now["list_usd"].sum() > 0:
        said = (
            "No discount is known of what may be covered: no price list has its rates for these terms, and none of it is covered "
            "yet. State assumed_discount_pct."
        )
        return replace(case, evidence=left_out).insufficient(said + _said_left_out(left_out))
    case = replace(case, evidence={**_where_from(now, discounts, options), **left_out})
    return _purchase(case, bill, known, offer, _mix(now, discounts), rates, options)


def _purchase(
    case: Case, bill: pd.DataFrame, known: pd.DataFrame, offer: Offer, mix: Mix, rates: Rates, options: CommitOptions
) -> Row:
    days = days_of(bill)
    history = by_day(known, "list_usd", days) / 24
    left = _left(case.estate, bill, offer, history)
    held = _held(case.estate, bill, known, offer, options.term_days)
    chosen = choose_commitment(
        left * spend_paths(history, options.term_days),
        mix,
        held,
        most_chance=options.most_chance_of_loss_pct / 100,
        target_coverage=options.target_coverage_pct / 100,
    )
    level = float(np.median(history[-LEVEL_DAYS:]))
    uncovered = float(by_day(known[known["charged_as"] == "on_demand"], "list_usd", days)[-LEVEL_DAYS:].mean()) / 24
    discount = float(mix.shares @ mix.discounts)
    evidence = {
        **case.evidence,
        "window_days": len(days),
        "observed": {
            "coverable_usd_per_hour": round(level, 4),
            "on_demand_usd_per_hour": round(uncovered, 4),
            "committed_usd_per_hour": round(float(held[0]), 4),
            "left_by_other_changes": round(left, 4),
            "discount": round(discount, 4),
        },
        "thresholds": {"chance_of_loss": options.most_chance_of_loss_pct / 100, "coverage": options.target_coverage_pct / 100},
        "chance_of_loss": round(chosen.loses, 4),
        "utilisation": round(chosen.utilisation, 4),
        "break_even_utilisation": round(chosen.break_even, 4),
        "coverage": round(chosen.coverage, 4),
        "best_on_average_usd_per_hour": round(chosen.optimum_usd, 4),
        "lookback_60_days_usd_per_hour": round(lookback_commitment(history, discount, 60) - float(held[0]), 4),
        "minimum_of_60_days_usd_per_hour": round(lowest_commitment(history, discount) - float(held[0]), 4),
    }
    case = replace(case, evidence=evidence, price=Price(uncovered * HOURS_PER_MONTH, days[-1]), config=_now(held))
    return _answer(case, chosen, offer, options, _sold_as(known, offer, rates, options))


def _answer(case: Case, chosen: Purchase, offer: Offer, options: CommitOptions, sold: tuple[str, float] | None) -> Row:
    # AWS sells tenths of a cent, and all figures are of the whole commitment: parts save their part.
    (_, part), *later = ladder(chosen.hourly_usd, options.purchases)
    hourly, saved = np.floor(1000 * part) / 1000, [HOURS_PER_MONTH * usd / options.purchases for usd in _range(chosen)]
    if hourly == 0 or saved[1] < options.min_saving_usd:
        return case.keep(
            f"Nothing that is worth committing to for {options.term_days} days: it would save ${saved[1]:,.2f} a month."
        )
    low, expected, high = saved
    parts = f", and as much after {', '.join(f'{day} days' for day, _ in later)}" if later else ""
    change = Change(
        target=f"${hourly:,.3f} an hour{offer.target} for {options.term_days} days",
        saving_usd=high,
        least_usd=low,
        expected_usd=expected,
        chance=1.0,
        confidence=round(1 - chosen.loses, 4),
        risk_level=2,
        effort="very_low",
        rollback_possible=False,
        rollback_note=offer.rollback_note,
    )
    upfront = _UPFRONT[options.payment] * hourly * 24 * options.term_days
    paid = f", about ${upfront:,.0f} of it on the first day," if upfront else ""
    evidence: dict[str, object] = {**case.evidence, "hourly_usd": round(float(hourly), 3), "upfront_usd": round(upfront, 2)}
    units = ""
    if sold is not None:
        count = hourly / sold[1]
        evidence |= {"units": round(count, 2), "unit_type": sold[0], "unit_usd_per_hour": sold[1]}
        units = f", as {count:,.1f} × {sold[0]} are"
    case = replace(case, evidence=evidence)
    reason = (
        f"{offer.name} of ${hourly:,.3f} an hour{units}{paid}{parts} saves ${expected:,.2f} a month on average over what "
        f"spending may do in {options.term_days} days, and loses money with a chance of {chosen.loses:.1%}; it is worth it while "
        f"{chosen.break_even:.0%} of it is used, and {chosen.utilisation:.0%} is expected. By the day: nights with less usage "
        f"are not seen. {_said_from(case.evidence)}{offer.caveat}"
    )
    return case.recommend("purchase", reason, change)


def _is_unpaid(bill: pd.DataFrame, offer: Offer) -> bool:
    """Whether commitments cover usage and nothing is paid for any: then what is committed to already is not known."""
    recent = last_days(bill, LEVEL_DAYS)
    mine = recent[offer.is_commitment(recent)]
    covered = mine.loc[mine["charged_as"] == "covered", "list_usd"]
    return bool(covered.sum() > 0 and not mine["effective_usd"].sum() > 0)


def _range(chosen: Purchase) -> tuple[float, float, float]:
    """Saving in an hour: in a bad case, on average and in a good case; the average lies between the others."""
    return min(chosen.low_usd, chosen.saving_usd), chosen.saving_usd, max(chosen.high_usd, chosen.saving_usd)


def _now(held: npt.NDArray[np.float64]) -> str:
    return f"${held[0]:,.3f} an hour committed"


def _discounts(coverable: pd.DataFrame, offer: Offer, rates: Rates, options: CommitOptions) -> dict[str, _Discount]:
    """By family: what is listed for the terms, else what is saved of it in the last `LEVEL_DAYS` of the bill that have any
    covered, else what is assumed."""
    assumed, found = options.assumed_discount_pct / 100, dict[str, _Discount]()
    if assumed:
        found = {str(name): _Discount(assumed, _ASSUMED) for name in coverable["family"].unique()}
    covered = coverable[(coverable["charged_as"] == "covered") & (coverable["list_usd"] > 0)]
    for family, rows in covered.groupby("family"):
        sums = last_days(rows, LEVEL_DAYS)[["list_usd", "effective_usd"]].sum()
        discount = 1 - sums["effective_usd"] / sums["list_usd"]
        if 0 < discount <= _MOST_DISCOUNT:
            found[str(family)] = _Discount(float(discount), _BILLED)
    terms = Terms(offer.kind, options.term_days, options.payment)
    for family, rows in coverable.groupby("family"):
        listed = _listed(last_days(rows, LEVEL_DAYS), terms, rates)
        if listed is not None:
            found[str(family)] = listed
    return found


def _left_out(coverable: pd.DataFrame, discounts: Mapping[str, _Discount]) -> dict[str, object]:
    """For the evidence: what of the last days may be covered and has no discount, as a share of it all, the most first."""
    usd = last_days(coverable, LEVEL_DAYS).groupby("family")["list_usd"].sum().clip(lower=0)
    shares = (usd / usd.sum()).sort_values(ascending=False, kind="stable")
    shares = shares[(shares > 0) & ~shares.index.isin(list(discounts))]
    return {"left_out": {str(name): round(float(share), 4) for name, share in shares.items()}}


def is_left_out(
    answer: Mapping[str, object], rows: pd.DataFrame, family: Callable[[pd.Series], pd.Series], rates: Rates
) -> pd.Series:
    """Which rows of a bill are of a family that an answer left out."""
    left_out = json.loads(str(answer["evidence_json"])).get("left_out", {})
    return (family(rows["usage_type"]) + rates.what_runs(rows)).isin(list(left_out))


def _listed(rows: pd.DataFrame, terms: Terms, rates: Rates) -> _Discount | None:
    """The discount of a family by price lists, of its usage types as they were used; None where too little of it is listed."""
    used = _used(rows)
    used = used[used > 0]
    found = {key: rates.of(str(key[0]), str(key[1]), terms, float(key[2])) for key in used.index}
    known = {key: rate for key, rate in found.items() if rate is not None}
    weight = sum(float(used[key]) for key in known)
    if not known or weight < _LEAST_LISTED * float(used.sum()):
        return None
    share = sum(float(used[key]) * rate.discount for key, rate in known.items()) / weight
    return _Discount(share, _LISTED, max(rate.as_of for rate in known.values()))


def _used(rows: pd.DataFrame) -> pd.Series:
    """What usage cost, by region, usage type and list price of an hour, 0 where that is not known."""
    summed: pd.Series = (
        rows.assign(list_price=rows["list_price"].fillna(0.0)).groupby(["region", "usage_type", "list_price"])["list_usd"].sum()
    )
    return summed


def _where_from(rows: pd.DataFrame, discounts: Mapping[str, _Discount], options: CommitOptions) -> dict[str, object]:
    """For the evidence: how much of what may be covered has its discount from where, and on which terms a listed one is."""
    usd = rows.groupby("family")["list_usd"].sum().clip(lower=0)
    shares = usd.groupby([discounts[str(family)].source for family in usd.index]).sum() / usd.sum()
    listed = [known for family in usd.index if (known := discounts[str(family)].as_of) is not None]
    from_list = {"rates_as_of": str(max(listed))} if listed else {}
    return {
        "discount_from": {str(source): round(float(share), 4) for source, share in shares.items() if share > 0},
        "payment": options.payment,
        **from_list,
    }


def _said_from(evidence: Mapping[str, object]) -> str:
    shares = cast("dict[str, float]", evidence["discount_from"])
    words = {
        _LISTED: f"the price list of {str(evidence.get('rates_as_of'))[:10]}",
        _BILLED: "the bill",
        _ASSUMED: "what is assumed",
    }
    said = [f"{words[source]} ({share:.0%})" for source, share in shares.items()]
    return f"Its discount is from {' and '.join(said)}.{_said_left_out(evidence)}"


def _said_left_out(evidence: Mapping[str, object]) -> str:
    left = cast("dict[str, float]", evidence["left_out"])
    named = [f"{name} ({share:.0%})" for name, share in [*left.items()][:_MOST_NAMED]]
    others = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    return f" Left out is {sum(left.values()):.0%} of what may be covered: {', '.join(named)}{others}." if left else ""


def _sold_as(known: pd.DataFrame, offer: Offer, rates: Rates, options: CommitOptions) -> tuple[str, float] | None:
    """Of a reservation with a listed rate: the type of which most is used, and what an hour of it costs reserved."""
    terms = Terms(offer.kind, options.term_days, options.payment)
    if terms.service != "reservation":
        return None
    used = _used(last_days(known, LEVEL_DAYS))
    region, usage_type, list_price = used.index[int(np.argmax(used.to_numpy()))]
    rate = rates.of(str(region), str(usage_type), terms, float(list_price))
    zones = " Multi-AZ" if "Multi-AZ" in usage_type else ""
    return None if rate is None else (f"{usage_type.rpartition(':')[2]}{zones}", rate.usd)


def _mix(rows: pd.DataFrame, discounts: Mapping[str, _Discount]) -> Mix:
    """What coverable usage is made of, at list price."""
    usd = rows.groupby("family")["list_usd"].sum().clip(lower=0)
    usd = usd[usd > 0]
    order = sorted(usd.index, key=lambda family: (-discounts[family].share, family))
    shares = usd.reindex(order).to_numpy(dtype=np.float64)
    return Mix(shares / shares.sum(), np.array([discounts[family].share for family in order]))


def _left(estate: Estate, bill: pd.DataFrame, offer: Offer, history: npt.NDArray[np.float64]) -> float:
    """Share of what may be covered that is left when the changes of other rules are followed, which are of all like it."""
    changes = estate.changes
    mine = changes[changes["service"].isin(offer.changed) & changes["account"].isin(bill["account"].unique())]
    saved = float(mine["portfolio_savings_usd"].clip(lower=0).sum()) / HOURS_PER_MONTH
    if offer.is_changed is not None:
        like = bill[offer.is_changed(bill) & bill["charged_as"].isin(["on_demand", "covered"])]
        history = by_day(like, "list_usd", days_of(bill)) / 24
    level = float(np.median(history[-LEVEL_DAYS:]))
    return float(np.clip(1 - saved / level, 0, 1)) if level > 0 else 1.0


def _held(estate: Estate, bill: pd.DataFrame, known: pd.DataFrame, offer: Offer, term_days: int) -> npt.NDArray[np.float64]:
    """(term_days,) what is committed to by the hour: what is paid for it now, until each ends where the inventory says when.

    A commitment costs the same in each hour: what was paid on the dearest of the last days counts, also of one just bought.
    """
    ends = _ends(estate)
    recent = last_days(bill, LEVEL_DAYS)
    # What covers another system takes nothing from Linux.
    covered = recent[recent.index.isin(known.index)] if offer.is_of_linux else recent
    mine = recent[recent["commitment_id"].isin(offer.held(covered))]
    held, days = np.zeros(term_days), days_of(recent)[-_PAID_DAYS:]
    for commitment, rows in mine.groupby("commitment_id"):
        hourly = float(by_day(rows, "effective_usd", days).max()) / 24
        end = ends.get(str(commitment))
        last = term_days if end is None else max((end - pd.Timestamp(estate.as_of)).days, 0)
        held[:last] += max(hourly, 0.0)
    return held


def _ends(estate: Estate) -> dict[str, pd.Timestamp]:
    """When the commitments end of which the inventory says so (`headroom:ends`)."""
    listed = estate.resources[estate.resources["service"] == COMMITMENT]
    ends = {str(row["resource_id"]): commitment_end(row) for _, row in listed.iterrows()}
    return {commitment: end for commitment, end in ends.items() if end is not None}
