"""What a bill lists that no inventory does, and what it does not tell."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from pipeline.advice.bill import add_billed, by_day, commitment_end, days_of, known_bill, reserved_families, why_unknown
from pipeline.errors import DataError
from tests.support.rule_cases import estate_of
from tests.support.spending import PLAN, charged, spending


def listed(ends: str) -> pd.Series:
    return pd.Series({"resource_id": "c-1", "tags": json.dumps({"headroom:ends": ends})})


def test_a_bill_lists_its_payers_its_commitments_and_its_accounts_once() -> None:
    estate = spending(
        charged(1.0), charged(1.0, account="2"), charged(1.0, charged_as="covered", commitment_id=PLAN, account="2")
    )

    billed = estate.resources[estate.resources["region"] == "global"]
    assert billed[["account", "resource_id", "service"]].to_numpy().tolist() == [
        ["9", "compute", "savings_plan"],
        ["9", PLAN, "commitment"],
        ["1", "untagged", "tags"],
        ["2", "untagged", "tags"],
    ]


def test_without_a_bill_an_estate_stays_as_it_is() -> None:
    estate = estate_of([{"resource_id": "i-1", "service": "ec2"}])

    assert add_billed(estate) is estate


def test_a_commitment_of_the_inventory_is_not_listed_again() -> None:
    inventory = [{"resource_id": PLAN, "service": "commitment", "account": "5"}]
    estate = spending(charged(1.0, charged_as="covered", commitment_id=PLAN), resources=inventory)

    assert estate.resources.loc[estate.resources["service"] == "commitment", "account"].tolist() == ["5"]


@pytest.mark.parametrize(
    ("service", "usage_type"),
    [
        ("AmazonDocDB", "InstanceUsage:db.r6g.large"),
        ("Amazon DocumentDB (with MongoDB compatibility)", "USE1-InstanceUsage:db.r6g.large"),
        ("AmazonNeptune", "InstanceUsage:db.r6g.large"),
        ("ElasticMapReduce", "BoxUsage:m5.large"),
    ],
)
def test_what_is_charged_in_the_words_of_another_service_is_no_family_that_is_reserved(service: str, usage_type: str) -> None:
    databases = charged(1.0, service="AmazonRDS", usage_type="InstanceUsage:db.r6g.large")
    estate = spending(databases, charged(9.0, service=service, usage_type=usage_type))

    reserved = estate.bill[reserved_families(estate.bill).notna()]
    assert set(reserved["service"]) == {"AmazonRDS"}
    assert estate.resources.loc[estate.resources["service"] == "reservation", "resource_id"].tolist() == ["rds/db.r6g"]


def test_a_day_without_a_charge_has_none_and_days_that_the_bill_has_not_or_after_the_moment_are_not_known() -> None:
    # Five days, of which nothing is billed on the second, and storage alone on the last.
    estate = spending(charged(2.0, 2, until=1), charged(4.0, 1, until=4), charged(9.0, 1, usage_type="EBS:VolumeUsage.gp3"))
    later = replace(estate, bill=estate.bill.assign(ts=estate.bill["ts"] + timedelta(days=5)))

    bill = known_bill(estate)
    hours = bill[bill["usage_type"] != "EBS:VolumeUsage.gp3"]
    assert by_day(hours, "list_usd", days_of(bill)).tolist() == [4.0, 2.0, 2.0, 0.0]
    assert known_bill(later)["list_usd"].tolist() == [4.0]


@pytest.mark.parametrize(
    ("bill", "reason"),
    [
        (charged(1.0, 90), None),
        (charged(1.0, 90).head(0), "has nothing of it"),
        (charged(1.0, 59), "has 59 days; 60 are needed"),
        (charged(1.0, 90, until=9), "ends on 2026-03-03"),
        (pd.concat([charged(1.0, 50), charged(1.0, 30, until=60)]), "has 80 of the 90 days since"),
    ],
)
def test_what_is_spent_is_unknown_where_the_bill_is_old_short_or_has_holes(bill: pd.DataFrame, reason: str | None) -> None:
    found = why_unknown(bill, estate_of([{"resource_id": "i-1", "service": "ec2"}]), 60)

    assert found is None if reason is None else reason in str(found)


def test_the_end_of_a_commitment_is_a_day_or_refused() -> None:
    assert commitment_end(listed("2027-03-01")) == commitment_end(listed("2027-03-01T00:00:00Z")) == pd.Timestamp("2027-03-01")
    assert commitment_end(pd.Series({"resource_id": "c-1"})) is None
    for text in ("soon", "now", "NaT", "nan"):
        with pytest.raises(DataError, match=f"headroom:ends of c-1 is '{text}', expected a day"):
            commitment_end(listed(text))
