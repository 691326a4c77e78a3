"""NAT gateways through which nothing goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.measures import MOST_DAYS, busiest_day
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists

RULE_VERSION = "1"
SERVICES = frozenset({"nat"})


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    idle_days: int = Field(
        32, ge=1, le=MOST_DAYS, description="Without a connection on each of the last so many days (Compute Optimizer: 32)."
    )
    min_coverage_pct: float = Field(90, ge=50, le=100, description="Share of these days' periods needed to call it idle.")


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every NAT gateway: delete, keep or insufficient_data.

    Both metrics are reported always, so that what is absent is not known. The saving is the price by the hour.

    Source: AWS Compute Optimizer, idle NAT gateways.
    """
    prices = price_lists(estate, "vpc", "hour")
    return recommendations([_judge(case, options, prices) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options, prices: Mapping[str, pd.DataFrame]) -> Row:
    state = optional_text(case.resource.get("state"))
    case = replace(
        case,
        config=facts_of(case.resource).get("connectivity"),
        price=monthly_price(prices, case.region, "NAT gateway", HOURS_PER_MONTH),
    )
    if state != "available":
        return case.keep(f"Its state is {state or 'not stated'}, not available.")
    connections, sent = (
        busiest_day(case, name, options.idle_days) for name in ("ActiveConnectionCount", "BytesOutToDestination")
    )
    coverage = min(connections.coverage, sent.coverage)
    evidence = {
        "window_days": options.idle_days,
        "coverage": round(coverage, 4),
        "observed": {"connections_max": connections.amount, "sent_max_mbps": sent.amount},
        "thresholds": {"connections_max": 0, "sent_max_mbps": 0},
    }
    case = replace(case, evidence=evidence)
    if connections.amount or sent.amount:
        return case.keep(f"In use: up to {connections.amount or 0:,.0f} connections at once in {options.idle_days} days.")
    if 100 * coverage < options.min_coverage_pct:
        return case.insufficient(
            f"Its connections and bytes cover {100 * coverage:.1f} % of the last {options.idle_days} days; "
            f"{options.min_coverage_pct:g} % are needed."
        )
    change = Change(
        target=None,
        saving_usd=None if case.price is None else case.price.monthly_usd,
        chance=1.0,
        confidence=coverage,
        risk_level=2,
        effort="low",
        rollback_note="Make it again, and the routes to it; its address is another one unless it is kept.",
    )
    return case.recommend("delete", f"No connection and no byte through it on any of the last {options.idle_days} days.", change)
