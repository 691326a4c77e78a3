"""MemoryDB clusters that nobody asks."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists
from pipeline.recommenders._idle import IdleOptions, Seen, Sign, ending, judge_idle

RULE_VERSION = "1"
SERVICES = frozenset({"memorydb"})

_COUNTED = (
    Sign("NewConnections", "new connections"),
    Sign("KeyspaceHits", "hits"),
    Sign("KeyspaceMisses", "misses"),
)


class Options(IdleOptions):
    """Thresholds of the rule."""

    max_cpu_pct: float = Field(
        1, gt=0, le=20, description="Idle while the engine's CPU stays below this on each day (Compute Optimizer: 1)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every cluster: delete, keep or insufficient_data.

    Idle is a cluster of which no node had a new connection, a hit or a miss, and whose engines do next to nothing. The saving is
    the price of its nodes; snapshots that are kept are still paid for.

    Source: AWS Compute Optimizer, idle MemoryDB clusters.
    """
    prices = price_lists(estate, "memorydb", "hour")
    signs = (Sign("EngineCPUUtilization", "% CPU", options.max_cpu_pct), *_COUNTED)

    def settle(case: Case) -> Case | Row:
        return _settle(case, prices)

    return recommendations(judge_idle(cases(estate, __name__, RULE_VERSION, SERVICES), signs, options, settle, _end))


def _settle(case: Case, prices: dict[str, pd.DataFrame]) -> Case | Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    engine, nodes = facts.get("engine"), number_of(facts, "nodes")
    if state != "available":
        return case.insufficient(f"Its state is {state or 'not stated'}, not available.")
    item = f"{case.config} {engine}"
    price = None if nodes is None else monthly_price(prices, case.region, item, HOURS_PER_MONTH * nodes)
    remark = "" if price is not None else f"No dollars: there is no list price of {case.config or 'its type'}."
    return replace(case, price=price, remark=remark)


def _end(case: Case, seen: Seen) -> Row:
    days = seen.evidence["window_days"]
    reason = f"Not one of its nodes had a new connection or was asked for a key in the last {days} days."
    note = "Take a snapshot first and make it again from that; its address is another one then."
    return case.recommend("delete", reason, ending(case, seen, note))
