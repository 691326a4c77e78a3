"""Instances, databases, caches and search nodes that are steady enough to be reserved, and those that are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.options import Changed
from tests.support.rule_cases import Says, Situation
from tests.support.spending import PLAN, charged, rates, spending

RESERVED = "arn:aws:rds:us-east-1:9:ri:db-1"
DATABASES = {"service": "AmazonRDS", "usage_type": "InstanceUsage:db.r6g.large"}
LARGER = {"service": "AmazonRDS", "usage_type": "Multi-AZUsage:db.r6g.xlarge"}
#: 80 dollars a day are covered at a fifth off, so that the discount is known; 160 more are on demand, of another size.
COVERED = charged(80.0, charged_as="covered", commitment_id=RESERVED, **DATABASES)
STEADY = spending(COVERED, charged(160.0, **LARGER))
WAVES = spending(COVERED, charged(np.tile([160.0] * 7 + [80.0] * 7, 7)[:90].tolist(), **LARGER))
#: $10.00 an hour of m5, 83 m5.large at .12, at .0792 of that reserved for a year: 34 % off.
MACHINES = charged(240.0, usage_type="USE1-BoxUsage:m5.large")
RATES = rates(
    {
        "ec2/m5.large": 0.12,
        "reservation/standard 1yr no_upfront: m5.large": 0.0792,
        "reservation/standard 1yr all_upfront: m5.large": 0.0744,
        "reservation/convertible 1yr no_upfront: m5.large": 0.0888,
        "savings_plan/ec2_instance 1yr no_upfront: m5.large": 0.08,
    }
)
LISTED = spending(MACHINES, prices=RATES)
#: A bill does not tell the engine of a database: the smallest discount of those that it may be of counts.
ENGINES = rates(
    {
        "rds/db.r6g.xlarge Multi-AZ": 1.0,
        "rds/db.r6g.xlarge PostgreSQL Multi-AZ": 1.0,
        "rds/db.r6g.xlarge": 0.5,
        "reservation/standard 1yr no_upfront: db.r6g.xlarge Multi-AZ": 0.6,
        "reservation/standard 1yr no_upfront: db.r6g.xlarge PostgreSQL Multi-AZ": 0.7,
        "reservation/standard 1yr no_upfront: db.r6g.xlarge": 0.45,
    }
)


def changes(usd: float) -> pd.DataFrame:
    return pd.DataFrame([{"account": "1", "service": "rds", "portfolio_savings_usd": usd}])


def family(name: str, *charges: pd.DataFrame, **more: object) -> Situation:
    says = Says(*more.pop("says"))  # type: ignore[misc]
    return Situation(spending(*charges, **more), {name: says})  # type: ignore[arg-type]


SITUATIONS = {
    "steady": Situation(
        STEADY,
        {
            "rds/db.r6g": Says(
                "purchase",
                "A reservation of databases of db.r6g .* while 80% of it is used.* one engine",
                {
                    "account": "9",
                    "region": "us-east-1",
                    "monthly_cost_usd": pytest.approx(160 / 24 * 730),
                    "savings_monthly_usd": pytest.approx(650, rel=0.05),
                    "exclusive_group": "commitment",
                },
            )
        },
    ),
    "instances at listed rates": Situation(
        LISTED,
        {
            "ec2/m5": Says(
                "purchase",
                r"A reservation of instances of m5 of \$6.* × m5.large are.* while 66% of it is used.* list of 2026-04-01.* "
                r"normalisation factor.* instead of a Compute Savings Plan",
                {
                    "savings_monthly_usd": pytest.approx(0.83 * 10 * 0.34 * 730, rel=0.05),
                    "monthly_cost_usd": pytest.approx(10 * 730),
                },
            )
        },
    ),
    # Of these a reservation is of one size.
    "instances of one size": family(
        "ec2/g5.xlarge",
        charged(240.0, usage_type="BoxUsage:g5.xlarge"),
        prices=rates({"ec2/g5.xlarge": 1.0, "reservation/standard 1yr no_upfront: g5.xlarge": 0.63}),
        says=("purchase", "covers this size alone"),
    ),
    "instances without a rate": family("ec2/m5", MACHINES, says=("insufficient_data", "no price list has its rates")),
    "instances that plans cover": family(
        "ec2/m5",
        charged(240.0, charged_as="covered", commitment_id=PLAN),
        prices=RATES,
        says=("keep", "has nothing of m5 that can be reserved"),
    ),
    "instances that are stopped": family(
        "ec2/m5",
        MACHINES,
        prices=RATES,
        changes=pd.DataFrame([{"account": "1", "service": "ec2", "portfolio_savings_usd": 7300.0}]),
        says=("keep", "Nothing that is worth"),
    ),
    "databases at listed rates": family(
        "rds/db.r6g",
        charged(160.0, **LARGER),
        prices=ENGINES,
        says=("purchase", "× db.r6g.xlarge Multi-AZ are.* while 70% of it is used.*price list"),
    ),
    "covered": family("rds/db.r6g", COVERED, says=("keep", "Nothing that is worth")),
    "stopped": family("rds/db.r6g", COVERED, charged(160.0, **LARGER), changes=changes(6000.0), says=("keep", "Nothing that is")),
    # What plans cover of it is neither a reservation's discount nor to be reserved.
    "by a plan": family(
        "rds/db.r6g",
        charged(80.0, charged_as="covered", commitment_id=PLAN, **DATABASES),
        charged(160.0, **LARGER),
        says=("insufficient_data", "assumed_discount_pct"),
    ),
    "young": family("rds/db.r6g", COVERED.tail(59), charged(160.0, 59, **LARGER), says=("insufficient_data", "59 days")),
    "paid unknown": family(
        "rds/db.r6g",
        COVERED.assign(effective_usd=0.0),
        charged(160.0, **LARGER),
        says=("insufficient_data", "does not say what is paid"),
    ),
    "of several families and services": Situation(
        spending(
            COVERED,
            charged(160.0, **LARGER),
            charged(50.0, service="AmazonElastiCache", usage_type="USE1-NodeUsage:cache.m6g.large"),
            charged(50.0, service="AmazonES", usage_type="ESInstance:r6g.large.search"),
            charged(20.0, region="eu-west-1", service="AmazonRDS", usage_type="EU-InstanceUsage:db.m5.large"),
            charged(9.0, service="AmazonRDS", usage_type="RDS:GP3-Storage"),
            charged(90.0),
        ),
        {
            "rds/db.r6g": Says("purchase"),
            "ec2/m5": Says("insufficient_data", "assumed_discount_pct"),
            "rds/db.m5": Says("insufficient_data", "assumed_discount_pct", {"region": "eu-west-1"}),
            "elasticache/cache.m6g": Says("insufficient_data", "assumed_discount_pct"),
            "opensearch/r6g.large.search": Says("insufficient_data", "assumed_discount_pct"),
        },
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
    "ec2_offering": Changed("convertible", LISTED),
    "assumed_discount_pct": Changed(20, spending(charged(160.0, **LARGER))),
}
