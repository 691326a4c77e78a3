"""What a payer commits to by the hour with a Compute Savings Plan, on the ways that spending may go and after other changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import COMMITMENT, SAVINGS_PLAN, by_day, commitment_end, days_of, known_bill, last_days, why_unknown
from pipeline.advice.case import Case, Change, Row, cases
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

RULE_VERSION = "1"
SERVICES = frozenset({SAVINGS_PLAN})
#: What is stopped or made smaller is not committed to.
AFTER_CHANGES = True

# EC2 at any tenancy but Spot, Fargate, and the time of Lambda.
_COVERABLE = (
    r"(?:BoxUsage|DedicatedUsage|HostBoxUsage|UnusedBox|UnusedDed|ReservedHostUsage)\b|Fargate-|Lambda-(?:Provisioned-)?GB-Second"
)
# How the bill names a plan, beside reservations.
_PLAN = "savingsplan"
# What is paid for plans now shows in so many of the newest days of a bill, of which the last may not be whole.
_PAID_DAYS = 3
# The services of the inventory whose changes take from what plans may cover.
_CHANGED = ("ec2", "lambda")
# A discount that is read off the bill and is larger is none: the bill does not say what is paid.
_MOST_DISCOUNT = 0.9


class Options(BaseModel):
    """What to commit to, and how much may go wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    term_days: int = Field(365, ge=30, le=1095, description="Term of a plan; AWS sells 365 and 1,095 days.")
    most_chance_of_loss_pct: float = Field(
        100 * MOST_CHANCE, ge=0, le=50, description="So likely a purchase may be to lose money over its term."
    )
    target_coverage_pct: float = Field(100, ge=10, le=100, description="Share of what plans may cover that is to be covered.")
    purchases: int = Field(1, ge=1, le=12, description="A commitment is bought in so many equal parts, a quarter apart.")
    min_days: int = Field(60, ge=30, le=180, description="So many days of the bill are needed.")
    min_saving_usd: float = Field(5, ge=0, le=100_000, description="A purchase that saves less a month is not worth it.")
    assumed_discount_pct: float = Field(
        0, ge=0, le=80, description="Of a plan on a family of which the bill has none covered; 0: not known, and left out."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every payer: purchase, keep or insufficient_data.

    What plans may cover, at list price, on each day of up to 180: what is on demand, and what plans cover now. Its level without
    what the changes of other rules take away is carried on by paths, and what is committed to already is taken off, until it ends
    where the inventory says when. Families have the discount that the bill shows of what is covered of them. Days are all that
    a bill by the day tells: nights with less usage are not seen.

    Source: Savings Plans recommendations of AWS Cost Explorer, on paths in place of the days looked back at.
    """
    bill = known_bill(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, bill[bill["payer"] == case.key[0]], options) for case in judged])


def _judge(case: Case, bill: pd.DataFrame, options: Options) -> Row:
    coverable = bill[_is_coverable(bill) & bill["charged_as"].isin(["on_demand", "covered"])]
    coverable = coverable[(coverable["charged_as"] == "on_demand") | _is_plan(coverable)]
    if reason := why_unknown(bill, case.estate, options.min_days):
        return case.insufficient(reason)
    if coverable.empty:
        return case.keep("The bill has nothing that a Compute Savings Plan may cover.")
    if _is_unpaid(bill):
        return case.insufficient(
            "The bill does not say what is paid for the plans that cover usage: it states no effective cost."
        )
    coverable = coverable.assign(family=_family(coverable["usage_type"]))
    discounts = _discounts(coverable, options)
    known = coverable[coverable["family"].isin(discounts)]
    recent = last_days(bill, LEVEL_DAYS)
    now = known[known["ts"] >= recent["ts"].min()]
    if not now["list_usd"].sum() > 0:
        said = "No discount is known of what plans may cover: none of it is covered yet. State assumed_discount_pct."
        return case.insufficient(said)
    return _purchase(case, bill, known, _mix(now, discounts), options)


def _purchase(case: Case, bill: pd.DataFrame, known: pd.DataFrame, mix: Mix, options: Options) -> Row:
    days = days_of(bill)
    history = by_day(known, "list_usd", days) / 24
    left = _left(case.estate, bill, history)
    held = _held(case.estate, bill, options.term_days)
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
    return _answer(case, chosen, options)


def _answer(case: Case, chosen: Purchase, options: Options) -> Row:
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
        target=f"${hourly:,.3f} an hour for {options.term_days} days",
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
        f"A Compute Savings Plan of ${hourly:,.3f} an hour{parts} saves ${expected:,.2f} a month on average over what spending "
        f"may do in {options.term_days} days, and loses money with a chance of {chosen.loses:.1%}; it is worth it while "
        f"{chosen.break_even:.0%} of it is used, and {chosen.utilisation:.0%} is expected. By the day: nights with less usage "
        "are not seen."
    )
    return case.recommend("purchase", reason, change)


def _is_unpaid(bill: pd.DataFrame) -> bool:
    """Whether plans cover usage and nothing is paid for any: then what is committed to already is not known."""
    recent = last_days(bill, LEVEL_DAYS)
    plans = recent[_is_plan(recent)]
    covered = plans.loc[plans["charged_as"] == "covered", "list_usd"]
    return bool(covered.sum() > 0 and not plans["effective_usd"].sum() > 0)


def _range(chosen: Purchase) -> tuple[float, float, float]:
    """Saving in an hour: in a bad case, on average and in a good case; the average lies between the others."""
    return min(chosen.low_usd, chosen.saving_usd), chosen.saving_usd, max(chosen.high_usd, chosen.saving_usd)


def _now(held: npt.NDArray[np.float64]) -> str:
    return f"${held[0]:,.3f} an hour committed"


def _is_coverable(rows: pd.DataFrame) -> pd.Series:
    return rows["usage_type"].str.contains(_COVERABLE, regex=True)


def _is_plan(rows: pd.DataFrame) -> pd.Series:
    return rows["commitment_id"].str.contains(_PLAN, regex=False)


def _family(usage_types: pd.Series) -> pd.Series:
    """`m5` of `USE1-BoxUsage:m5.large`; else the usage type without what stands for its region."""
    instance = usage_types.str.extract(r":([a-z0-9-]+)\.", expand=False)
    return instance.fillna(usage_types.str.replace(r"^[A-Z]{2,4}\d?-", "", regex=True))


def _discounts(coverable: pd.DataFrame, options: Options) -> dict[str, float]:
    """By family: what plans save of it in the last `LEVEL_DAYS` of the bill that have any covered, else what is assumed."""
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


def _left(estate: Estate, bill: pd.DataFrame, history: npt.NDArray[np.float64]) -> float:
    """Share of what plans may cover that is left when the changes of other rules are followed."""
    changes = estate.changes
    mine = changes[changes["service"].isin(_CHANGED) & changes["account"].isin(bill["account"].unique())]
    saved = float(mine["portfolio_savings_usd"].clip(lower=0).sum()) / HOURS_PER_MONTH
    level = float(np.median(history[-LEVEL_DAYS:]))
    return float(np.clip(1 - saved / level, 0, 1)) if level > 0 else 1.0


def _held(estate: Estate, bill: pd.DataFrame, term_days: int) -> npt.NDArray[np.float64]:
    """(term_days,) what plans commit to by the hour: what is paid for them now, until each ends where the inventory says when.

    A plan costs the same in each hour: what was paid on the dearest of the last days counts, also of one that was just bought.
    One that covers nothing of what a Compute Savings Plan may cover is another kind of plan.
    """
    ends = _ends(estate)
    recent = last_days(bill, LEVEL_DAYS)
    plans = recent[_is_plan(recent)]
    covered = plans[plans["charged_as"] == "covered"]
    of_compute = set(covered.loc[_is_coverable(covered), "commitment_id"])
    plans = plans[~plans["commitment_id"].isin(set(covered["commitment_id"]) - of_compute)]
    held, days = np.zeros(term_days), days_of(recent)[-_PAID_DAYS:]
    for commitment, rows in plans.groupby("commitment_id"):
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
