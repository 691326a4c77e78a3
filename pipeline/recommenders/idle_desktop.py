"""WorkSpaces that are always on, and to which nobody has connected for two months."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, moment_of

RULE_VERSION = "1"
SERVICES = frozenset({"workspaces"})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(63, ge=1, le=365, description="Nobody has connected for so many days (Compute Optimizer: 63).")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every WorkSpace: stop (by itself, when nobody is connected), keep or insufficient_data.

    Only one that is always on costs the same whether or not anybody connects. When somebody last did is what the service knows;
    where it does not, nothing is judged: it may be new. There are no list prices, and no dollars.

    Source: AWS Compute Optimizer, idle WorkSpaces.
    """
    return recommendations([_judge(case, options) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options) -> Row:
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
    case = replace(case, evidence=evidence, confidence=1.0)
    if days < options.idle_days:
        return case.keep(f"In use: somebody connected {int(max(days, 0))} days ago.")
    change = Change(
        target="AUTO_STOP",
        saving_usd=None,
        chance=1.0,
        confidence=1.0,
        risk_level=1,
        effort="very_low",
        rollback_note="Let it run always again. If its user is gone, delete it after a backup of what it holds.",
    )
    reason = f"Nobody has connected for {int(days)} days. No dollars: there is no list price of it."
    return case.recommend("stop", reason, change)
