"""Steady spending that a plan pays off for, and spending that it does not: covered already, falling, young, or going away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import PLAN, charged, rates, spending

#: 80 dollars a day are covered at a fifth off, so that the discount is known; 160 more are on demand.
COVERED = charged(80.0, charged_as="covered", commitment_id=PLAN)
STEADY = spending(COVERED, charged(160.0))
#: Every other week there is half.
WAVES = spending(COVERED, charged(np.tile([160.0] * 7 + [80.0] * 7, 7)[:90].tolist()))
#: $10.00 an hour of m5.large, none of it covered: at .0834 of .12 a plan for a year is 30.5 % off, one paid at once 35 %.
RATES = rates(
    {
        "ec2/m5.large": 0.12,
        "savings_plan/compute 1yr no_upfront: m5.large": 0.0834,
        "savings_plan/compute 1yr all_upfront: m5.large": 0.078,
    }
)
LISTED = spending(charged(240.0), prices=RATES)


def changes(usd: float) -> pd.DataFrame:
    return pd.DataFrame([{"account": "1", "service": "ec2", "portfolio_savings_usd": usd}])


def plan(name: str, *charges: pd.DataFrame, **more: object) -> Situation:
    says = Says(*more.pop("says"))  # type: ignore[misc]
    return Situation(spending(*charges, **more), {name: says})  # type: ignore[arg-type]


SITUATIONS = {
    # At a fifth off, of $10.00 an hour of which $3.33 are covered for $2.67: most of the rest, and a fifth of that is saved.
    "steady": Situation(
        STEADY,
        {
            "compute": Says(
                "purchase",
                "while 80% of it is used",
                {
                    "account": "9",
                    "monthly_cost_usd": pytest.approx(160 / 24 * 730),
                    "savings_monthly_usd": pytest.approx(650, rel=0.05),
                    "exclusive_group": "commitment",
                },
            )
        },
    ),
    "covered": plan("compute", charged(240.0, charged_as="covered", commitment_id=PLAN), says=("keep", "Nothing that is worth")),
    # A plan of four days ago is paid for already.
    "just bought": plan(
        "compute",
        COVERED,
        charged(160.0, 86, until=4),
        charged(160.0, 4, charged_as="covered", commitment_id=f"{PLAN}1"),
        says=("keep", "Nothing that is worth"),
    ),
    "a plan of another kind": plan(
        "compute",
        COVERED,
        charged(160.0),
        charged(400.0, charged_as="covered", commitment_id=f"{PLAN}2", usage_type="USE1-ML:Hosting-ml.m5.large"),
        says=("purchase", "while 80% of it is used"),
    ),
    # Of two days the bill has nothing at all: not that nothing was spent.
    "two days unknown": plan(
        "compute",
        *(pd.concat([rows.head(40), rows.tail(48)]) for rows in (COVERED, charged(160.0))),
        says=("purchase", "while 80%", {"savings_monthly_usd": pytest.approx(650, rel=0.05)}),
    ),
    "stopped": plan("compute", COVERED, charged(160.0), changes=changes(6000.0), says=("keep", "Nothing that is worth")),
    "young": plan("compute", COVERED.tail(59), charged(160.0, 59), says=("insufficient_data", "59 days; 60 are needed")),
    "old": plan("compute", charged(160.0, until=9), says=("insufficient_data", "The bill ends on")),
    "holes": plan("compute", charged(160.0, 30), charged(160.0, 30, until=60), says=("insufficient_data", "60 of the 90 days")),
    # What covers usage was paid for once, and the bill does not spread it.
    "paid unknown": plan(
        "compute",
        charged(80.0, charged_as="covered", commitment_id=PLAN, effective_usd=0.0),
        charged(160.0),
        says=("insufficient_data", "does not say what is paid"),
    ),
    # The price list says what a plan charges, and no setting is needed; what is covered already does not change that.
    "listed": Situation(
        LISTED,
        {
            "compute": Says(
                "purchase",
                r"while 70% of it is used.* from the price list of 2026-04-01 \(100%\)",
                {"savings_monthly_usd": pytest.approx(0.82 * 10 * 0.305 * 730, rel=0.05)},
            )
        },
    ),
    "listed and covered": plan("compute", COVERED, charged(160.0), prices=RATES, says=("purchase", "while 70% of it is used")),
    # Rates of another term, of another region, or that are no discount, are none.
    "listed otherwise": plan(
        "compute",
        charged(160.0),
        prices=rates({"ec2/m5.large": 0.12, "savings_plan/compute 3yr no_upfront: m5.large": 0.06}),
        says=("insufficient_data", "no price list has its rates"),
    ),
    "listed elsewhere": plan(
        "compute", charged(160.0, region="eu-west-1"), prices=RATES, says=("insufficient_data", "no price list has its rates")
    ),
    "listed too dear": plan(
        "compute",
        charged(160.0),
        prices=rates({"ec2/m5.large": 0.12, "savings_plan/compute 1yr no_upfront: m5.large": 0.12}),
        says=("insufficient_data", "no price list has its rates"),
    ),
    "no discount": plan("compute", charged(160.0), says=("insufficient_data", "assumed_discount_pct")),
    "spot and storage": plan(
        "compute",
        charged(90.0, usage_type="SpotUsage:m5.large"),
        charged(9.0, usage_type="EBS:VolumeUsage.gp3"),
        charged(9.0, service="ElasticMapReduce"),
        says=("keep", "has nothing that"),
    ),
}
OPTIONS = {
    "term_days": Changed(1095, STEADY),
    "most_chance_of_loss_pct": Changed(1, WAVES),
    "target_coverage_pct": Changed(50, STEADY),
    "purchases": Changed(4, STEADY),
    "min_days": Changed(91, STEADY),
    "min_saving_usd": Changed(100_000, STEADY),
    "payment": Changed("all_upfront", LISTED),
    "assumed_discount_pct": Changed(20, spending(charged(160.0))),
}
