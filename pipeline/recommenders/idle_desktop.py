"""WorkSpaces that are always on, and to which nobody has connected for two months."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, moment_of
from pipeline.advice.prices import Price, monthly_price, price_lists

RULE_VERSION = "2"
SERVICES = frozenset({"workspaces"})
# Systems as the service names them → as the price list does. Windows 10 and 11 bring their licence, which has other prices.
_SYSTEMS = {**{f"WINDOWS_SERVER_{year}": "Windows" for year in (2016, 2019, 2022, 2025)}, "AMAZON_LINUX_2": "Amazon Linux"}


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(63, ge=1, le=365, description="Nobody has connected for so many days (Compute Optimizer: 63).")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every WorkSpace: stop (by itself, when nobody is connected), keep or insufficient_data.

    Only one that is always on costs the same whether or not anybody connects. When somebody last did is what the service knows;
    where it does not, nothing is judged: it may be new. The saving is the price of the month always on less that of one which
    stops by itself, before any hour that somebody connects.

    Source: AWS Compute Optimizer, idle WorkSpaces.
    """
    prices = price_lists(estate, "workspaces", "month")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: dict[str, pd.DataFrame]) -> Row:
    now, then = _month(case, prices, "ALWAYS_ON"), _month(case, prices, "AUTO_STOP")
    # Of one price alone nobody can say what is saved, nor of two of which the second is no less.
    saving = now.monthly_usd - then.monthly_usd if now is not None and then is not None else 0.0
    is_priced = saving > 0
    facts = facts_of(case.resource)
    mode, last = facts.get("running_mode"), moment_of(facts, "last_connected")
    case = replace(case, config=", ".join(filter(None, (case.config, mode))) or None)
    if mode is None:
        return case.insufficient("The inventory does not say whether it is always on.")
    if mode != "ALWAYS_ON":
        return case.keep(f"Its running mode is {mode}: it is not always on.")
    if last is None:
        return case.insufficient("When somebody last connected to it is not known.")
    days = case.days_since(last)
    thresholds = {"days_without_connection": options.idle_days}
    evidence = {"observed": {"days_without_connection": round(days, 2)}, "thresholds": thresholds}
    case = replace(case, evidence=evidence, confidence=1.0, price=now if is_priced else None)
    if days < options.idle_days:
        return case.keep(f"In use: somebody connected {int(max(days, 0))} days ago.")
    change = Change(
        target="AUTO_STOP",
        saving_usd=saving if is_priced else None,
        chance=1.0,
        confidence=1.0,
        risk_level=1,
        effort="very_low",
        rollback_note="Let it run always again. If its user is gone, delete it after a backup of what it holds.",
    )
    dollars = (
        "The saving is before any hour that somebody connects." if is_priced else "No dollars: there is no list price of it."
    )
    return case.recommend("stop", f"Nobody has connected for {int(days)} days. {dollars}", change)


def _month(case: Case, prices: dict[str, pd.DataFrame], mode: str) -> Price | None:
    """What it costs a month in a running mode; None where that is not listed, or the inventory does not say what it is."""
    facts, bundle = facts_of(case.resource), optional_text(case.resource.get("instance_type"))
    system, root, user = _SYSTEMS.get(facts.get("operating_system", "")), facts.get("root_gib"), facts.get("user_gib")
    if None in (bundle, system, root, user):
        return None
    return monthly_price(prices, case.region, f"{str(bundle).replace('_', '')} {system} {root}/{user} GB {mode}", 1)
