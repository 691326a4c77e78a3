"""DynamoDB tables whose provisioned capacity nobody uses."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import HOURS_PER_MONTH, Price, monthly_price, price_lists
from pipeline.recommenders._idle import IdleOptions, Seen, Sign, ending, judge_idle

RULE_VERSION = "1"
SERVICES = frozenset({"dynamodb"})

_SIGNS = (
    Sign("ConsumedReadCapacityUnits", "read units"),
    Sign("ConsumedWriteCapacityUnits", "write units"),
)


class Options(IdleOptions):
    """Thresholds of the rule."""


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every table: rightsize (to on demand), keep or insufficient_data.

    Idle is a table of which nothing was read or written, and of whose indexes nothing. Only what is provisioned is paid for then,
    and all of it is saved; what it stores is still paid for. A table on demand costs nothing while nobody uses it.

    Source: AWS Compute Optimizer, idle DynamoDB tables.
    """
    prices = price_lists(estate, "dynamodb", "hour")

    def settle(case: Case) -> Case | Row:
        return _settle(case, prices)

    return recommendations(judge_idle(cases(estate, __name__, RULE_VERSION, SERVICES), _SIGNS, options, settle, _end))


def _settle(case: Case, prices: dict[str, pd.DataFrame]) -> Case | Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    billing, reads, writes = facts.get("billing"), number_of(facts, "read_units"), number_of(facts, "write_units")
    if billing == "on_demand":
        return replace(case, config="on demand").keep("It is paid for by use already: an idle one costs what it stores.")
    if billing != "provisioned" or reads is None or writes is None:
        return case.insufficient("The inventory does not say what is provisioned for it.")
    case = replace(case, config=f"{reads:g} read and {writes:g} write units")
    if state != "active":
        return case.insufficient(f"Its state is {state or 'not stated'}, not active.")
    # The units of tables of another class have another price.
    if facts.get("table_class", "STANDARD") != "STANDARD":
        return replace(case, remark="No dollars: there is no list price of its class.")
    parts = [
        monthly_price(prices, case.region, f"{name} capacity unit", HOURS_PER_MONTH * units)
        for name, units in (("read", reads), ("write", writes))
    ]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return replace(case, remark="No dollars: there is no list price of its capacity.")
    return replace(case, price=Price(sum(part.monthly_usd for part in known), min(part.as_of for part in known)))


def _end(case: Case, seen: Seen) -> Row:
    days = seen.evidence["window_days"]
    note = "Provision capacity again, a day later at the soonest."
    change = ending(case, seen, note, target="on demand", risk_level=1, effort="very_low")
    reason = f"Nothing was read from it or written to it in the last {days} days. What it stores is still paid for."
    return case.recommend("rightsize", reason, change)
