"""What recommendations save at what is really paid."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.advice.discounts import after_discounts

NOTHING = pd.DataFrame({"account": [], "resource_id": [], "list_usd": [], "uncovered_usd": []})


def bill(*charged: tuple[str, float, float], account: str = "1") -> pd.DataFrame:
    """What was charged at list price and what is paid beside commitments, by resource."""
    return pd.DataFrame([[account, *one] for one in charged], columns=list(NOTHING.columns))


def saved(resource_id: str, saving: float | None, discounts: pd.DataFrame, **row: Any) -> float:
    rows = pd.DataFrame([{"account": "1", "resource_id": resource_id, "service": "ec2", "savings_monthly_usd": saving} | row])
    return float(after_discounts(rows, discounts)["savings_after_discounts_usd"].iloc[0])


def test_what_a_commitment_covers_saves_nothing_and_the_rest_at_the_price_that_is_paid() -> None:
    assert saved("i-1", 50.0, bill(("i-1", 100.0, 0.0))) == 0
    assert saved("i-1", 50.0, bill(("i-1", 100.0, 40.0))) == pytest.approx(20.0)
    assert saved("i-1", 50.0, bill(("i-1", 100.0, 100.0))) == pytest.approx(50.0)


def test_no_more_is_saved_than_at_list_price_and_what_costs_more_costs_it() -> None:
    assert saved("i-1", 50.0, bill(("i-1", 100.0, 130.0))) == pytest.approx(50.0)
    assert saved("i-1", -30.0, bill(("i-1", 100.0, 0.0))) == pytest.approx(-30.0)


@pytest.mark.parametrize(
    ("resource_id", "saving", "discounts"),
    [
        ("i-2", 50.0, bill(("i-1", 100.0, 40.0))),
        ("i-1", 50.0, bill(("i-1", 100.0, 40.0), account="2")),
        ("i-1", 50.0, bill(("i-1", 0.0, 0.0))),
        ("i-1", 50.0, NOTHING),
        ("i-1", None, bill(("i-1", 100.0, 40.0))),
        ("i-2", -50.0, NOTHING),
    ],
)
def test_of_what_the_bill_does_not_have_or_has_no_price_nothing_is_known(
    resource_id: str, saving: float | None, discounts: pd.DataFrame
) -> None:
    assert pd.isna(saved(resource_id, saving, discounts))


@pytest.mark.parametrize(
    ("resource_id", "billed"),
    [
        ("db-1", "arn:aws:rds:us-east-1:1:db:db-1"),
        ("nat-1", "arn:aws:ec2:us-east-1:1:natgateway/nat-1"),
        ("function:f", "arn:aws:lambda:us-east-1:1:function:f"),
        ("app/lb/50", "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/lb/50"),
    ],
)
def test_a_resource_is_found_by_its_name_in_its_arn(resource_id: str, billed: str) -> None:
    assert saved(resource_id, 10.0, bill((billed, 100.0, 40.0))) == pytest.approx(4.0)


def test_what_is_billed_in_two_names_of_one_resource_is_one() -> None:
    twice = bill(("db-1", 100.0, 100.0), ("arn:aws:rds:us-east-1:1:db:db-1", 300.0, 0.0))

    assert saved("db-1", 40.0, twice) == pytest.approx(10.0)


def test_what_is_read_off_the_bill_is_paid_already() -> None:
    assert saved("compute", 10.0, NOTHING, service="savings_plan") == 10.0
