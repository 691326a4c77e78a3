"""What a payer reserves of a family of instances, databases, caches or search nodes, on the ways that spending may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from pydantic import Field

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import PLAN, RESERVATION, known_bill, reserved_families
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.commitment_rates import Rates
from pipeline.advice.estate import Estate
from pipeline.recommenders._commit import CommitOptions, Offer, is_left_out, judge_offer
from pipeline.tables.commitments import CONVERTIBLE, INSTANCE_PLAN, STANDARD, OfInstances

RULE_VERSION = "3"
SERVICES = frozenset({RESERVATION})
#: What is stopped or made smaller is not committed to.
AFTER_CHANGES = True

_ONE_ENGINE = " A reservation is of one engine, which a bill by the day does not tell: buy it of what it is spent on."
_SIZES = " Sizes count by their normalisation factor (large 4, xlarge 8, 2xlarge 16): it covers any of Linux on shared tenancy."
_ONE_SIZE = " It covers this size alone, of Linux on shared tenancy."
_EITHER = " It stands instead of a Compute Savings Plan: the portfolio counts what saves more."
_SAID = {
    "ec2": ("instances", _EITHER),
    "rds": ("databases", _ONE_ENGINE),
    "elasticache": ("caches", _ONE_ENGINE),
    "opensearch": ("search nodes", ""),
}
_PAID = "None: it is paid to the end of its term."
_ROLLBACK = {
    STANDARD: "What is left of its term may be sold on the Reserved Instance Marketplace; else it is paid to the end.",
    CONVERTIBLE: "It may be exchanged for another type of no less value, and is paid to the end of its term.",
}


class Options(CommitOptions):
    """What to commit to, and how much may go wrong."""

    ec2_offering: OfInstances = Field(
        "standard", description="Of EC2: a standard or a convertible reservation, or an EC2 Instance Savings Plan of the family."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every family of a payer and region that can be reserved: purchase, keep or insufficient_data.

    The same as of a Savings Plan, `judge_offer` says it, of one family in one region: of EC2, RDS and ElastiCache all its sizes,
    for which a reservation counts by their weight; of OpenSearch one type of node. What plans cover is not counted. Of EC2 a
    Compute Savings Plan may be bought instead: the portfolio counts one of both.

    Source: reservation purchase recommendations of AWS Cost Explorer, on paths in place of the days looked back at.
    """
    bill, rates = _with_families(known_bill(estate)), Rates(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, bill[bill["payer"] == case.key[0]], rates, options) for case in judged])


def covers(answer: Mapping[str, Any], rows: pd.DataFrame, rates: Rates) -> pd.Series:
    """Which rows of a payer's bill are of what an answer is about, of what had a rate."""
    region, reserved_as = str(answer["region"]), str(answer["resource_id"])
    is_mine = _is_of(_with_families(rows), region, reserved_as)
    return is_mine & ~is_left_out(answer, rows, _only(reserved_as.partition("/")[2]), rates)


def _only(family: str) -> Callable[[pd.Series], pd.Series]:
    """All usage types are of one family."""
    return lambda usage_types: pd.Series(family, index=usage_types.index, dtype="object")


def _with_families(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(reserved_as=reserved_families(rows))


def _is_of(rows: pd.DataFrame, region: str, family: str) -> pd.Series:
    return (rows["region"] == region) & (rows["reserved_as"] == family)


def _judge(case: Case, bill: pd.DataFrame, rates: Rates, options: Options) -> Row:
    return judge_offer(case, bill, _offer(case, options), rates, options)


def _offer(case: Case, options: Options) -> Offer:
    region = case.key[1]
    service, _, family = case.key[2].partition("/")
    words, caveat = _SAID[service]
    kind = options.ec2_offering if service == "ec2" else STANDARD
    is_plan = kind == INSTANCE_PLAN
    if service == "ec2" and not is_plan:
        caveat = (_ONE_SIZE if "." in family else _SIZES) + caveat

    def is_coverable(rows: pd.DataFrame) -> pd.Series:
        return _is_of(rows, region, case.key[2])

    def held(recent: pd.DataFrame) -> set[str]:
        mine = recent[is_coverable(recent) & (recent["charged_as"] == "covered")]
        return {str(name) for name in mine["commitment_id"].unique() if PLAN not in str(name)}

    def is_commitment(rows: pd.DataFrame) -> pd.Series:
        return rows["commitment_id"].isin(held(rows))

    return Offer(
        name=f"An EC2 Instance Savings Plan of {family}" if is_plan else f"A reservation of {words} of {family}",
        target=f" of {family} in {region} by an EC2 Instance Savings Plan" if is_plan else f" of reserved {family} in {region}",
        nothing=f"The bill has nothing of {family} that can be reserved.",
        caveat=caveat,
        is_coverable=is_coverable,
        is_commitment=is_commitment,
        held=held,
        family=_only(family),
        changed=("ec2", "autoscaling") if service == "ec2" else (service,),
        is_changed=lambda rows: rows["reserved_as"].str.startswith(f"{service}/", na=False),
        kind=kind,
        rollback_note=_ROLLBACK.get(kind, _PAID) if service == "ec2" else _PAID,
        is_of_linux=service == "ec2" and not is_plan,
    )
