"""What a payer reserves of a family of databases, caches or search nodes, on the ways that spending may go."""

from __future__ import annotations

import pandas as pd

from pipeline.advice.answer import recommendations
from pipeline.advice.bill import PLAN, RESERVATION, known_bill, reserved_families
from pipeline.advice.case import Case, Row, cases
from pipeline.advice.estate import Estate
from pipeline.recommenders._commit import CommitOptions, Offer, judge_offer

RULE_VERSION = "1"
SERVICES = frozenset({RESERVATION})
#: What is stopped or made smaller is not committed to.
AFTER_CHANGES = True

_ONE_ENGINE = " A reservation is of one engine, which a bill by the day does not tell: buy it of what it is spent on."
_SAID = {"rds": ("databases", _ONE_ENGINE), "elasticache": ("caches", _ONE_ENGINE), "opensearch": ("search nodes", "")}


class Options(CommitOptions):
    """What to commit to, and how much may go wrong."""


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every family of a payer and region that can be reserved: purchase, keep or insufficient_data.

    The same as of a Savings Plan, `judge_offer` says it, of one family in one region: of RDS and ElastiCache all its sizes, for
    which a reservation counts by their weight; of OpenSearch one type of node. What plans cover is not counted, and EC2, which
    Compute Savings Plans cover with fewer conditions, is theirs.

    Source: reservation purchase recommendations of AWS Cost Explorer, on paths in place of the days looked back at.
    """
    bill = known_bill(estate)
    judged = cases(estate, __name__, RULE_VERSION, SERVICES)
    return recommendations([_judge(case, bill[bill["payer"] == case.key[0]], options) for case in judged])


def _judge(case: Case, bill: pd.DataFrame, options: Options) -> Row:
    service, _, family = case.key[2].partition("/")
    words, caveat = _SAID[service]
    offer = _offer(case, service, family, words, caveat)
    return judge_offer(case, bill, offer, options)


def _offer(case: Case, service: str, family: str, words: str, caveat: str) -> Offer:
    region = case.key[1]

    def is_coverable(rows: pd.DataFrame) -> pd.Series:
        return (rows["region"] == region) & (reserved_families(rows["usage_type"]) == case.key[2])

    def held(recent: pd.DataFrame) -> set[str]:
        mine = recent[is_coverable(recent) & (recent["charged_as"] == "covered")]
        return {str(name) for name in mine["commitment_id"].unique() if PLAN not in str(name)}

    def is_commitment(rows: pd.DataFrame) -> pd.Series:
        return rows["commitment_id"].isin(held(rows))

    return Offer(
        name=f"A reservation of {words} of {family}",
        target=f" of reserved {family} in {region}",
        nothing=f"The bill has nothing of {family} that can be reserved.",
        caveat=caveat,
        is_coverable=is_coverable,
        is_commitment=is_commitment,
        held=held,
        family=lambda usage_types: pd.Series(family, index=usage_types.index, dtype="object"),
        changed=(service,),
        is_changed=lambda rows: reserved_families(rows["usage_type"]).str.startswith(f"{service}/", na=False),
    )
