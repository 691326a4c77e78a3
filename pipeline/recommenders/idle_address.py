"""Public IPv4 addresses that are associated with nothing and paid for all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.measures import MOST_DAYS
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"address"})

#: An address of an own range (BYOIP) costs nothing.
_AMAZONS = "amazon"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unassociated_days: int = Field(
        1, ge=1, le=MOST_DAYS, description="Associated with nothing for at least so many days (Trusted Advisor: at once)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every elastic address: delete (release it), keep or insufficient_data.

    Source: AWS Trusted Advisor, unassociated elastic IP addresses.
    """
    prices = price_lists(estate, "vpc", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    case = replace(case, config=facts.get("public_ip"))
    if facts.get("pool", _AMAZONS) != _AMAZONS:
        return case.keep(f"An address of the own range {facts['pool']}, which costs nothing.")
    if "managed_by" in facts:
        return case.keep(f"Managed by {facts['managed_by']}, and not to be released by hand.")
    case = replace(case, price=monthly_price(prices, case.region, "public IPv4 / unused EIP", HOURS_PER_MONTH))
    if state == "associated":
        return case.keep(f"Associated with {facts.get('attached_to', 'something')}.")
    if state != "unassociated":
        return case.insufficient("The inventory does not say whether it is associated.")
    days = case.in_state_for()
    evidence = {"observed": {"unassociated_days": days}, "thresholds": {"unassociated_days": options.unassociated_days}}
    case = replace(case, evidence=evidence)
    if days is None or days < options.unassociated_days:
        known = "nobody knows for how long" if days is None else f"for {days:.0f} days"
        return case.insufficient(f"Associated with nothing, {known}; {options.unassociated_days} days are needed.")
    change = Change(
        target=None,
        saving_usd=None if case.price is None else case.price.monthly_usd,
        chance=1.0,
        confidence=1.0,
        risk_level=1,
        effort="very_low",
        rollback_possible=False,
        rollback_note="None: once released, the address may be given to somebody else. See that no name and no rule has it.",
    )
    return case.recommend("delete", f"Associated with nothing for at least {days:.0f} days: release it.", change)
