"""RDS databases to which nobody connects: stop them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.databases import priced, settled
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of
from pipeline.advice.measures import MOST_DAYS, busiest_day
from pipeline.advice.prices import price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"rds"})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(
        7, ge=1, le=MOST_DAYS, description="Without a connection on each of the last so many days (Trusted Advisor: 7)."
    )
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of these days' periods needed to call it idle.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every database: stop, keep or insufficient_data.

    A replica has no connections of its own when all is well, and a member of a cluster is not judged alone. The saving is the
    list price of the class; its storage stays and is still paid for.

    Source: AWS Trusted Advisor, idle DB instances.
    """
    prices = price_lists(estate, "rds", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    case = priced(case, prices)
    without_judgement = settled(case)
    if without_judgement is not None:
        return without_judgement
    if replica_of := facts_of(case.resource).get("replica_of"):
        return case.keep(f"A replica of {replica_of}, which needs no connections to be of use.")
    age = case.age_days()
    if age is not None and age < options.idle_days:
        return case.insufficient(f"Launched {age:.1f} days ago; {options.idle_days} days of history are needed.")
    seen = busiest_day(case, "DatabaseConnections", options.idle_days)
    if seen.amount:
        return case.keep(f"In use: up to {seen.amount:,.0f} connections at once over {options.idle_days} days.")
    if 100 * seen.coverage < options.min_coverage_pct:
        return case.insufficient(
            f"Its connections cover {100 * seen.coverage:.1f} % of the last {options.idle_days} days; "
            f"{options.min_coverage_pct:g} % are needed."
        )
    case = replace(
        case,
        evidence={
            "window_days": options.idle_days,
            "coverage": round(seen.coverage, 4),
            "observed": {"connections_max": seen.amount},
            "thresholds": {"connections_max": 0},
        },
    )
    change = Change(
        target=None,
        saving_usd=None if case.price is None else case.price.monthly_usd,
        chance=1.0,
        confidence=seen.coverage,
        risk_level=2,
        effort="low",
        rollback_note="Start it again. AWS does so by itself after seven days: for good, take a snapshot and delete it.",
    )
    reason = f"No connection on any of the last {options.idle_days} days. Its storage stays and is still paid for."
    return case.recommend("stop", reason, change)
