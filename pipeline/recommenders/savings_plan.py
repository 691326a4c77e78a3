"""What a payer commits to by the hour with a Compute Savings Plan, on the ways that spending may go and after other changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import COVERED_BY_PLANS, PLAN, SAVINGS_PLAN, has_same_words, known_bill
from pipeline.advice.case import cases
from pipeline.advice.commitment_rates import Rates
from pipeline.advice.estate import Estate
from pipeline.recommenders._commit import CommitOptions, Offer, is_left_out, judge_offer
from pipeline.tables.commitments import COMPUTE_PLAN

RULE_VERSION = "4"
SERVICES = frozenset({SAVINGS_PLAN})
#: What is stopped or made smaller is not committed to.
AFTER_CHANGES = True


class Options(CommitOptions):
    """What to commit to, and how much may go wrong."""


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every payer: purchase, keep or insufficient_data, as `judge_offer` says.

    Days are all that a bill by the day tells: nights with less usage are not seen.

    Source: Savings Plans recommendations of AWS Cost Explorer, on paths in place of the days looked back at.
    """
    bill, rates = known_bill(estate), Rates(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([judge_offer(case, bill[bill["payer"] == case.key[0]], _OFFER, rates, options) for case in judged])


def covers(answer: Mapping[str, Any], rows: pd.DataFrame, rates: Rates) -> pd.Series:
    """Which rows of a payer's bill a plan may cover, of what had a rate."""
    return _is_coverable(rows) & ~is_left_out(answer, rows, _family, rates)


def _is_coverable(rows: pd.DataFrame) -> pd.Series:
    return rows["usage_type"].str.contains(COVERED_BY_PLANS, regex=True) & ~has_same_words(rows)


def _is_plan(rows: pd.DataFrame) -> pd.Series:
    return rows["commitment_id"].str.contains(PLAN, regex=False)


def _held(recent: pd.DataFrame) -> set[str]:
    """The plans; one that covers nothing of what a Compute Savings Plan may cover is another kind of plan."""
    plans = recent[_is_plan(recent)]
    covered = plans[plans["charged_as"] == "covered"]
    of_compute = set(covered.loc[_is_coverable(covered), "commitment_id"])
    return set(plans["commitment_id"]) - (set(covered["commitment_id"]) - of_compute)


def _family(usage_types: pd.Series) -> pd.Series:
    """`m5` of `USE1-BoxUsage:m5.large`; else the usage type without what stands for its region."""
    instance = usage_types.str.extract(r":([a-z0-9-]+)\.", expand=False)
    return instance.fillna(usage_types.str.replace(r"^[A-Z]{2,4}\d?-", "", regex=True))


_OFFER = Offer(
    name="A Compute Savings Plan",
    target="",
    nothing="The bill has nothing that a Compute Savings Plan may cover.",
    caveat="",
    is_coverable=_is_coverable,
    is_commitment=_is_plan,
    held=_held,
    family=_family,
    changed=("ec2", "lambda", "ecs", "autoscaling"),
    kind=COMPUTE_PLAN,
)
