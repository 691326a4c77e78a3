"""Which charges of a bill are a resource's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.billed import Key, choose_bills, split_usage_type

THROUGH = {("billing", "AWS", "9"): np.datetime64("2026-04-03")}
NAME = "arn:aws:{}:{}:1:{}"


def charged(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Region, the bill's id and what is charged on one day."""
    owner = {"source": "billing", "provider": "AWS", "payer": "9", "currency": "USD", "account": "1"}
    about = {"ts": pd.Timestamp("2026-04-01"), "usage_type": "Use", "unit": "Hrs", "commitment_id": "none", "quantity": 24.0}
    return pd.DataFrame(
        [owner | about | {"region": region, "resource_id": name, "list_cost": cost, "cost": cost} for region, name, cost in rows]
    )


def costs(charges: pd.DataFrame, services: dict[Key, str]) -> dict[Key, float]:
    return {key: float(bill.charges["cost"].sum()) for key, bill in choose_bills(charges, THROUGH, services)[0].items()}


def test_databases_of_one_name_in_two_regions_have_a_bill_each() -> None:
    east, west = ("1", "us-east-1", "db:orders"), ("1", "us-west-2", "db:orders")
    charges = charged(*((key[1], NAME.format("rds", key[1], "db:orders"), cost) for key, cost in ((east, 4.0), (west, 3.0))))

    assert costs(charges, {east: "rds", west: "rds"}) == {east: 4.0, west: 3.0}


def test_a_function_is_not_charged_for_the_database_of_its_name() -> None:
    database, function = ("1", "r", "db:orders"), ("1", "r", "orders")
    charges = charged(
        ("r", NAME.format("rds", "r", "db:orders"), 4.0),
        ("r", NAME.format("rds", "r", "cluster:orders"), 2.0),
        ("r", NAME.format("lambda", "r", "function:orders"), 1.0),
    )

    assert costs(charges, {database: "rds", function: "lambda"}) == {database: 4.0, function: 1.0}
    assert costs(charges, {function: "lambda"}) == {function: 1.0}


def test_a_resource_has_what_is_charged_to_its_id_and_to_its_arn() -> None:
    machine = ("1", "r", "i-1")
    bill = choose_bills(
        charged(("r", "i-1", 4.0), ("r", NAME.format("ec2", "r", "instance/i-1"), 2.0)), THROUGH, {machine: "ec2"}
    )

    assert bill[0][machine].charges[["cost", "quantity"]].to_numpy().tolist() == [[6.0, 48.0]]


def test_a_database_is_not_charged_for_the_bucket_of_its_name() -> None:
    database = ("1", "r", "db:orders")

    assert costs(charged(("r", "orders", 9.0), ("r", NAME.format("rds", "r", "db:orders"), 4.0)), {database: "rds"}) == {
        database: 4.0
    }


@pytest.mark.parametrize(
    ("charges", "services"),
    [
        (charged(("r", "orders", 4.0)), {("1", "r", "db:orders"): "rds", ("1", "r", "orders"): "lambda"}),
        (
            charged(("r", NAME.format("rds", "r", "db:a"), 4.0), ("r", NAME.format("lambda", "r", "function:a"), 1.0)),
            {("1", "r", "a"): "ours"},
        ),
    ],
    ids=["one id, two resources", "one resource, two kinds"],
)
def test_charges_that_may_be_several_resources_are_nobodys(charges: pd.DataFrame, services: dict[Key, str]) -> None:
    assert choose_bills(charges, THROUGH, services) == ({}, frozenset(services))


@pytest.mark.parametrize(
    ("usage_type", "parts"),
    [
        ("USW2-BoxUsage:m5.large", ("USW2-BoxUsage", "m5.large")),
        ("InstanceUsage:db.r6g.large", ("InstanceUsage", "db.r6g.large")),
        ("EBS:VolumeUsage.gp3", ("EBS", None)),
        ("Lambda-GB-Second", ("Lambda-GB-Second", None)),
    ],
)
def test_a_usage_type_says_what_is_used_and_of_which_type(usage_type: str, parts: tuple[str, str | None]) -> None:
    assert split_usage_type(usage_type) == parts
