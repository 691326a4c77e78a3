"""ElastiCache nodes with Redis or Valkey that nobody asks."""

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
SERVICES = frozenset({"elasticache"})

_ENGINES = ("redis", "valkey")
_COUNTED = (
    Sign("NewConnections", "new connections"),
    Sign("CacheHits", "hits"),
    Sign("CacheMisses", "misses"),
    Sign("GetTypeCmds", "reading commands"),
    Sign("SetTypeCmds", "writing commands"),
)


class Options(IdleOptions):
    """Thresholds of the rule."""

    max_cpu_pct: float = Field(
        1, gt=0, le=20, description="Idle while the engine's CPU stays below this on each day (Compute Optimizer: 1)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every cache: delete, keep or insufficient_data.

    Idle is a node without a new connection, hit, miss or command, whose engine does next to nothing. Of a replication group no
    node is idle while another is used. Memcached is not judged. The saving is the price of its nodes.

    Source: AWS Compute Optimizer, idle ElastiCache clusters.
    """
    prices = price_lists(estate, "elasticache", "hour")
    signs = (Sign("EngineCPUUtilization", "% CPU", options.max_cpu_pct), *_COUNTED)

    def settle(case: Case) -> Case | Row:
        return _settle(case, prices)

    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations(judge_idle(judged, signs, options, settle, _end, group="replication_group"))


def _settle(case: Case, prices: dict[str, pd.DataFrame]) -> Case | Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    engine, nodes = facts.get("engine"), number_of(facts, "nodes") or 1
    if engine not in _ENGINES:
        return case.insufficient(f"Its engine is {engine or 'not stated'}: only Redis and Valkey say what is asked of them.")
    if state != "available":
        return case.insufficient(f"Its state is {state or 'not stated'}, not available.")
    price = monthly_price(prices, case.region, f"{case.config} {engine}", HOURS_PER_MONTH * nodes)
    remark = "" if price is not None else f"No dollars: there is no list price of {case.config or 'its type'} with {engine}."
    return replace(case, price=price, remark=remark)


def _end(case: Case, seen: Seen) -> Row:
    days = seen.evidence["window_days"]
    group = facts_of(case.resource).get("replication_group")
    whole = f"It and every other node of {group}" if group else "It"
    reason = f"{whole} had no new connection and no command in the last {days} days."
    note = "Take a backup first and make it again from that; its address is another one then."
    return case.recommend("delete", reason, ending(case, seen, note))
