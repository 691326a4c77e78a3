"""SageMaker endpoints that nobody invokes."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate, optional_text
from pipeline.advice.facts import facts_of, number_of
from pipeline.advice.prices import HOURS_PER_MONTH, monthly_price, price_lists
from pipeline.recommenders._idle import IdleOptions, Seen, Sign, ending, judge_idle

RULE_VERSION = "1"
SERVICES = frozenset({"sagemaker"})

_SIGNS = (Sign("Invocations", "invocations"),)


class Options(IdleOptions):
    """Thresholds of the rule."""


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every endpoint: delete, keep or insufficient_data.

    Invocations are reported only where there are any: a day without one counts as such if the endpoint's disk was seen that day,
    which is reported while it has instances. The saving is the price of these; model and configuration stay, and cost nothing.

    Source: AWS Compute Optimizer, idle SageMaker endpoints.
    """
    prices = price_lists(estate, "sagemaker", "hour")

    def settle(case: Case) -> Case | Row:
        return _settle(case, prices)

    return recommendations(judge_idle(cases(estate, __name__, RULE_VERSION, SERVICES), _SIGNS, options, settle, _end))


def _settle(case: Case, prices: dict[str, pd.DataFrame]) -> Case | Row:
    facts, state = facts_of(case.resource), optional_text(case.resource.get("state"))
    kind, nodes = facts.get("kind"), number_of(facts, "nodes")
    if kind == "serverless":
        return case.keep("It is serverless, and costs nothing while nobody invokes it.")
    if kind != "instances":
        return case.insufficient(f"Its kind is {kind or 'not stated'}; only those that answer at once on instances are judged.")
    if state != "InService":
        return case.insufficient(f"Its state is {state or 'not stated'}, not InService.")
    price = None if nodes is None else monthly_price(prices, case.region, case.config, HOURS_PER_MONTH * nodes)
    remark = "" if price is not None else f"No dollars: there is no list price of {case.config or 'its instances'}."
    return replace(case, price=price, remark=remark)


def _end(case: Case, seen: Seen) -> Row:
    reason = f"Nobody invoked it in the last {seen.evidence['window_days']} days."
    note = "Make it again from its configuration, which stays."
    return case.recommend("delete", reason, ending(case, seen, note))
