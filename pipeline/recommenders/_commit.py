"""What rules that buy commitments share: how much is worth committing to by a bill, after what other rules change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

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
from pipeline.advice.estate import Estate
from pipeline.advice.prices import HOURS_PER_MONTH, Price
from pipeline.advice.spend_paths import LEVEL_DAYS, spend_paths

# What is paid for commitments now shows in so many of the newest days of a bill, of which the last may not be whole.
_PAID_DAYS = 3
# A discount that is read off the bill and is larger is none: the bill does not say what is paid.
_MOST_DISCOUNT = 0.9


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
    assumed_discount_pct: float = Field(
        0, ge=0, le=80, description="Of a family of which the bill has none covered; 0: not known, and left out."
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


def judge_offer(case: Case, bill: pd.DataFrame, offer: Offer, options: CommitOptions) -> Row:
    """Purchase, keep or insufficient_data, by the bill of the payer.

    What may be covered, at list price, on each day of up to 180: what is on demand, and what is covered now. Its level without
    what the changes of other rules take away is carried on by paths, and what is committed to already is taken off, until it ends
    where the inventory says when. Families have the discount that the bill shows of what is covered of them.
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
    coverable = coverable.assign(family=offer.family(coverable["usage_type"]))
    discounts = _discounts(coverable, options)
    known = coverable[coverable["family"].isin(discounts)]
    recent = last_days(bill, LEVEL_DAYS)
    now = known[known["ts"] >= recent["ts"].min()]
    if not now["list_usd"].sum() > 0:
        said = "No discount is known of what may be covered: none of it is covered yet. State assumed_discount_pct."
        return case.insufficient(said)
    return _purchase(case, bill, known, offer, _mix(now, discounts), options)


def _purchase(case: Case, bill: pd.DataFrame, known: pd.DataFrame, offer: Offer, mix: Mix, options: CommitOptions) -> Row:
    days = days_of(bill)
    history = by_day(known, "list_usd", days) / 24
    left = _left(case.estate, bill, offer, history)
    held = _held(case.estate, bill, offer, options.term_days)
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
    return _answer(case, chosen, offer, options)


def _answer(case: Case, chosen: Purchase, offer: Offer, options: CommitOptions) -> Row:
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
        rollback_note="None: it is paid to the end of its term.",
    )
    reason = (
        f"{offer.name} of ${hourly:,.3f} an hour{parts} saves ${expected:,.2f} a month on average over what spending "
        f"may do in {options.term_days} days, and loses money with a chance of {chosen.loses:.1%}; it is worth it while "
        f"{chosen.break_even:.0%} of it is used, and {chosen.utilisation:.0%} is expected. By the day: nights with less usage "
        f"are not seen.{offer.caveat}"
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


def _discounts(coverable: pd.DataFrame, options: CommitOptions) -> dict[str, float]:
    """By family: what is saved of it in the last `LEVEL_DAYS` of the bill that have any covered, else what is assumed."""
    covered = coverable[(coverable["charged_as"] == "covered") & (coverable["list_usd"] > 0)]
    found = {}
    for family, rows in covered.groupby("family"):
        sums = last_days(rows, LEVEL_DAYS)[["list_usd", "effective_usd"]].sum()
        discount = 1 - sums["effective_usd"] / sums["list_usd"]
        if 0 < discount <= _MOST_DISCOUNT:
            found[str(family)] = float(discount)
    assumed = options.assumed_discount_pct / 100
    return ({str(name): assumed for name in coverable["family"].unique()} if assumed else {}) | found


def _mix(rows: pd.DataFrame, discounts: Mapping[str, float]) -> Mix:
    """What coverable usage is made of, at list price."""
    usd = rows.groupby("family")["list_usd"].sum().clip(lower=0)
    usd = usd[usd > 0]
    order = sorted(usd.index, key=lambda family: (-discounts[family], family))
    shares = usd.reindex(order).to_numpy(dtype=np.float64)
    return Mix(shares / shares.sum(), np.array([discounts[family] for family in order]))


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


def _held(estate: Estate, bill: pd.DataFrame, offer: Offer, term_days: int) -> npt.NDArray[np.float64]:
    """(term_days,) what is committed to by the hour: what is paid for it now, until each ends where the inventory says when.

    A commitment costs the same in each hour: what was paid on the dearest of the last days counts, also of one just bought.
    """
    ends = _ends(estate)
    recent = last_days(bill, LEVEL_DAYS)
    mine = recent[recent["commitment_id"].isin(offer.held(recent))]
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
