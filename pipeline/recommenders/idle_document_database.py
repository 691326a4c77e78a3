"""DocumentDB clusters to which nobody connects: stop them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists
from pipeline.recommenders._idle import IdleOptions, Seen, Sign, ending, judge_idle

RULE_VERSION = "1"
SERVICES = frozenset({"docdb"})

_SIGNS = (Sign("DatabaseConnections", "connections at once"),)


class Options(IdleOptions):
    """Thresholds of the rule."""


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every instance of a cluster: stop, keep or insufficient_data.

    A cluster is stopped as a whole, so that an instance is idle only if nobody connects to any of its cluster's. The saving is
    the list price of its class; the cluster's storage stays and is still paid for.

    Source: AWS Compute Optimizer, idle DocumentDB clusters.
    """
    prices = price_lists(estate, "docdb", "hour")

    def settle(case: Case) -> Case | Row:
        return _settle(case, prices)

    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations(judge_idle(judged, _SIGNS, options, settle, _end, group="cluster"))


def _settle(case: Case, prices: dict[str, pd.DataFrame]) -> Case | Row:
    state = optional_text(case.resource.get("state"))
    if state == "stopped":
        return case.keep("Already stopped.", monthly_cost_usd=0.0, price_as_of=None)
    if state != "available":
        return case.insufficient(f"Its state is {state or 'not stated'}, not available.")
    price = monthly_price(prices, case.region, case.config, HOURS_PER_MONTH)
    remark = "" if price is not None else f"No dollars: there is no list price of {case.config or 'its class'}."
    return replace(case, price=price, remark=remark)


def _end(case: Case, seen: Seen) -> Row:
    days = seen.evidence["window_days"]
    cluster = facts_of(case.resource).get("cluster", "its cluster")
    reason = f"No connection to any instance of {cluster} in the last {days} days. Its storage stays and is still paid for."
    note = "Start the cluster again. AWS does so by itself after seven days: for good, take a snapshot and delete it."
    return case.recommend("stop", reason, ending(case, seen, note))
