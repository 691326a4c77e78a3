"""RDS databases whose engine is out of standard support, or soon will be: extended support is paid by the vCPU and hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.databases import ENGINES, SUPPORT, Support, major_version
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.instance_types import catalogue
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_price, price_lists

RULE_VERSION = "2"
SERVICES = frozenset({"rds"})

_DISABLED = "open-source-rds-extended-support-disabled"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    warning_days: int = Field(
        180, ge=0, le=730, description="Look into an upgrade from so many days before standard support ends on."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every database: upgrade, investigate (soon), keep or insufficient_data.

    The saving is the whole charge: the price per vCPU of the first two years times the vCPUs of the class, twice in two zones.
    The price of the third year is another one; where it is not listed there are no dollars.

    Aurora, whose versions are supported until other days, is not judged.

    Source: Amazon RDS Extended Support and its charges.
    """
    prices = price_lists(estate, "rds", "vCPU-hour")
    types = {region: catalogue(listed) for region, listed in price_lists(estate, "ec2", "hour").items()}
    return recommendations([_judge(case, options, prices, types) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame], types: Mapping[str, pd.DataFrame]) -> Row:
    facts = facts_of(case.resource)
    engine, version = facts.get("engine"), facts.get("engine_version")
    if engine is None or version is None:
        return case.insufficient("The inventory does not say which engine and version it runs.")
    case = replace(case, config=f"{engine} {version}")
    if engine.startswith("aurora"):
        return case.insufficient(f"Until when {engine} is in standard support is not known: Aurora has a calendar of its own.")
    support = SUPPORT.get((engine, major_version(engine, version)))
    as_of = case.estate.as_of
    if support is None or support.ends - timedelta(days=options.warning_days) > as_of:
        return case.keep(f"{engine} {version} is in standard support, or none is charged for.")
    if optional_text(case.resource.get("state")) == "stopped":
        return case.keep("Stopped, so that no extended support is charged.")
    ends = f"{support.ends:%Y-%m-%d}"
    case = replace(case, evidence={"standard_support_ended" if support.ends <= as_of else "standard_support_ends": ends})
    if facts.get("extended_support") == _DISABLED:
        return case.keep(f"Not enrolled in extended support: from {ends} on AWS upgrades it without asking.")
    if support.ends > as_of:
        return case.investigate(f"Standard support of {engine} {version} ends on {ends}: plan the upgrade to {support.newer}.")
    return _upgrade(case, engine, support, _charge(case, support, facts, prices, types))


def _charge(
    case: Case, support: Support, facts: Mapping[str, str], prices: Mapping[str, pd.DataFrame], types: Mapping[str, pd.DataFrame]
) -> Price | None:
    """What extended support of the database costs a month; None where its vCPUs or its price are not known."""
    name = str(case.resource.get("instance_type")).removeprefix("db.")
    listed = types.get(case.region)
    if listed is None or name not in listed.index:
        return None
    zones = 2 if facts.get("multi_az") == "true" else 1
    units = float(listed["vcpu"].loc[name]) * zones * HOURS_PER_MONTH
    year = "1" if case.estate.as_of < support.dearer else "3"
    # The shipped list has one price for all engines.
    items = (f"extended support year {year} {ENGINES[facts['engine']]}", f"extended support year {year}")
    return next((price for item in items if (price := monthly_price(prices, case.region, item, units)) is not None), None)


def _upgrade(case: Case, engine: str, support: Support, charge: Price | None) -> Row:
    remark = "" if charge is not None else "No dollars: its vCPUs, or the price of this year of extended support, are not listed."
    change = Change(
        target=f"{engine} {support.newer}",
        saving_usd=None if charge is None else charge.monthly_usd,
        chance=1.0,
        confidence=1.0,
        risk_level=3,
        effort="high",
        restart_needed=True,
        rollback_possible=False,
        rollback_note="None in place: take a snapshot first, try the upgrade on a copy, and go back to the snapshot.",
        group="engine",
    )
    reason = f"Standard support ended on {support.ends:%Y-%m-%d}; extended support is charged by the vCPU and hour since."
    return replace(case, price=charge, remark=remark).recommend("upgrade", reason, change)
