"""Spending of resources that have no tag, so that it is nobody's."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import DAYS_PER_MONTH, TAGS, known_bill, last_days, why_unknown
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.prices import Price

RULE_VERSION = "1"
SERVICES = frozenset({TAGS})
_SHOWN = 3


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_untagged_pct: float = Field(10, ge=0, le=100, description="So much of what resources cost may have no tag.")
    min_untagged_usd: float = Field(5, ge=0, le=100_000, description="Less a month is not worth it.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every account of the bill: tag, keep or insufficient_data.

    Only what belongs to a resource counts: a tax or support has no tags. To tag saves nothing by itself; what it costs
    now is what has no tag.

    Source: FinOps Foundation, allocation: unallocated spending.
    """
    bill = known_bill(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, bill[bill["account"] == case.key[0]], options) for case in judged])


def _judge(case: Case, bill: pd.DataFrame, options: Options) -> Row:
    recent = last_days(bill, case.days)
    if reason := why_unknown(recent, case.estate, case.days):
        return case.insufficient(reason)
    charged = recent[recent["has_resource"] & (recent["effective_usd"] > 0)]
    untagged = charged[~charged["is_tagged"].astype("bool")]
    total, bare = float(charged["effective_usd"].sum()), float(untagged["effective_usd"].sum())
    if total == 0:
        return case.keep("The bill charges nothing for resources.")
    share, monthly = 100 * bare / total, DAYS_PER_MONTH / case.days * bare
    observed = {"untagged_pct": round(share, 2), "untagged_usd_per_month": round(monthly, 2)}
    thresholds = {"untagged_pct": options.max_untagged_pct, "untagged_usd_per_month": options.min_untagged_usd}
    evidence = {"window_days": case.days, "observed": observed, "thresholds": thresholds}
    case = replace(case, evidence=evidence, price=Price(monthly, recent["ts"].max()))
    said = f"{share:.1f} % of what its resources cost in {case.days} days, ${monthly:,.2f} a month, has no tag"
    if share <= options.max_untagged_pct or monthly < options.min_untagged_usd:
        return case.keep(f"{said}.", confidence=0.9)
    by_service = untagged.groupby("service")["effective_usd"].sum()
    most = sorted(by_service.items(), key=lambda one: (-one[1], one[0]))[:_SHOWN]
    where = ", ".join(f"{service} {100 * usd / bare:.0f} %" for service, usd in most)
    change = Change(
        target=None,
        saving_usd=None,
        chance=1.0,
        confidence=0.9,
        risk_level=0,
        effort="low",
        rollback_note="Take the tags off.",
    )
    return case.recommend("tag", f"{said}: {where}.", change)
