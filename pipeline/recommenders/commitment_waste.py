"""Commitments that are paid for and not used, and those that end soon."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import COMMITMENT, DAYS_PER_MONTH, commitment_end, known_bill, last_days, why_unknown
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.prices import Price

RULE_VERSION = "1"
SERVICES = frozenset({COMMITMENT})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_utilisation_pct: float = Field(
        90, ge=10, le=100, description="Waste below it (Cost Explorer's utilisation of Savings Plans and reservations)."
    )
    min_unused_usd: float = Field(5, ge=0, le=100_000, description="Less paid for nothing in a month is not worth it.")
    ends_within_days: int = Field(
        60, ge=1, le=365, description="What ends so soon is to be looked at (Trusted Advisor: 30 days)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every commitment of the bill or the inventory: release, investigate, keep or insufficient_data.

    Of the last days that are looked at, what is paid and not used, as the bill states it. How much of that can be saved nobody
    knows: a reservation may be sold or exchanged, a Savings Plan given back in its first week, and usage may be moved to what
    they cover. So it is between nothing, which is expected, and all of it.

    Source: Cost Explorer, utilisation of Savings Plans and reservations; Trusted Advisor, reserved instance lease expiration.
    """
    bill = known_bill(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, bill, options) for case in judged])


def _judge(case: Case, bill: pd.DataFrame, options: Options) -> Row:
    ends = commitment_end(case.resource)
    days_left = None if ends is None else (ends - pd.Timestamp(case.estate.as_of)).days
    if days_left is not None and days_left < 0:
        return case.keep(f"Ended on {ends:%Y-%m-%d}.")
    payers = bill.loc[bill["commitment_id"] == case.key[2], "payer"]
    recent = last_days(bill[bill["payer"].isin(payers)], case.days)
    mine = recent[recent["commitment_id"] == case.key[2]]
    if reason := why_unknown(recent, case.estate, case.days) or why_unknown(mine, case.estate, 1):
        return case.insufficient(reason)
    by_use = mine.groupby("charged_as")["effective_usd"].sum()
    used, unused = (max(float(by_use.get(charged_as, 0.0)), 0.0) for charged_as in ("covered", "unused"))
    paid = used + unused
    if paid == 0:
        return case.insufficient(f"The bill states nothing paid for it in {case.days} days.")
    days = mine["ts"].nunique()
    monthly, utilisation = DAYS_PER_MONTH / days * unused, 100 * used / paid
    observed = {"utilisation_pct": round(utilisation, 2), "unused_usd_per_month": round(monthly, 2)}
    thresholds = {"utilisation_pct": options.min_utilisation_pct, "unused_usd_per_month": options.min_unused_usd}
    evidence = {"window_days": days, "observed": observed, "thresholds": thresholds}
    case = replace(case, evidence=evidence, price=Price(DAYS_PER_MONTH / days * paid, recent["ts"].max()))
    said = f"{utilisation:.1f} % of it was used in the last {days} days of the bill"
    if days_left is not None and days_left <= options.ends_within_days:
        reason = f"{said}, and it ends on {ends:%Y-%m-%d}, in {days_left} days: what it covers is then paid on demand."
        return case.investigate(reason, confidence=0.9)
    if utilisation >= options.min_utilisation_pct or monthly < options.min_unused_usd:
        return case.keep(f"{said}; ${monthly:,.2f} a month are paid for nothing.", confidence=0.9)
    change = Change(
        target=None,
        saving_usd=monthly,
        least_usd=0.0,
        chance=1.0,
        confidence=0.5,
        risk_level=1,
        effort="medium",
        rollback_possible=False,
        rollback_note="None, once it is sold or given back.",
    )
    reason = f"{said}: ${monthly:,.2f} a month are paid for nothing. Move usage to what it covers, sell it, or give it back."
    return case.recommend("release", reason, change)
