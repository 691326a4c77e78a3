"""Why what a team is charged changed: parts that add up, to the change and to everybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.allocation.decide import Charges
from pipeline.allocation.drivers import split_change
from pipeline.allocation.rules import Rules, parse_rules
from pipeline.interval import Interval
from pipeline.tables.columns import COST_PARTS, SHARED
from tests.unit.test_allocation import SCHEMA, TAGS
from tests.unit.test_allocation import charge as charge_of

MARCH, APRIL = Interval.month("2026-03"), Interval.month("2026-04")
PARTS = [*COST_PARTS, SHARED]
RULES = """
[dimension.team]
[dimension.team.accounts]
"222" = "platform"
[[shared]]
name = "support"
match = { service = "Support" }
split = "proportional"
"""
WHOLE = pa.schema(
    [*SCHEMA, pa.field("unit", pa.string()), pa.field("is_use", pa.int32()), pa.field("quantity", pa.decimal128(38, 12))]
)


def charge(day: str, cost: str, quantity: str | None = None, tags: str = "shop", **over: Any) -> dict[str, Any]:
    ts = datetime.fromisoformat(day)
    bill = {"ts": ts, "billing_period": ts.replace(day=1), "unit": "Hrs", "is_use": int(quantity is not None)}
    return charge_of(cost=cost, tags=tags) | bill | {"quantity": Decimal(quantity or 0)} | over


def by_value(*rows: dict[str, Any], by_bill: bool = True, periods: tuple[Interval, Interval] = (MARCH, APRIL)) -> pd.DataFrame:
    charges = Charges(pa.Table.from_pylist(list(rows), schema=WHOLE), TAGS)
    found = split_change(charges, parse_rules(RULES, "rules"), "team", *periods, by_bill=by_bill)
    assert (found[PARTS].sum(axis=1) == found["change"]).all()
    return found.groupby("value")[["change", *PARTS]].sum()


def said(row: pd.Series) -> dict[str, Decimal]:
    return {name: amount for name, amount in row.items() if amount}


def test_a_team_that_used_more_at_another_price_hears_of_both_and_another_that_is_new_of_that() -> None:
    found = by_value(
        charge("2026-03-02", "10", "100"),
        charge("2026-04-02", "24", "200", list_cost=Decimal(30), contracted_cost=Decimal(27)),
        charge("2026-04-03", "3", "30", "search", account="222"),
    )

    assert said(found.loc["shop"]) == {"change": 14, "usage": 10, "rate": 10, "discount": -3, "commitment": -3}
    assert said(found.loc["platform"]) == {"change": 3, "new": 3}


def test_what_others_cost_moves_a_share_of_what_is_shared_and_no_price() -> None:
    found = by_value(
        charge("2026-03-02", "10", "100"),
        charge("2026-03-02", "30", "300", "none", account="222"),
        charge("2026-03-02", "8", service="Support", tags="none"),
        charge("2026-04-02", "10", "100"),
        charge("2026-04-02", "10", "100", "none", account="222"),
        charge("2026-04-02", "8", service="Support", tags="none"),
    )

    assert said(found.loc["shop"]) == {"change": 2, SHARED: 2}
    assert said(found.loc["platform"]) == {"change": -22, "usage": -20, SHARED: -2}


def test_use_that_passes_from_one_team_to_another_is_less_of_the_one_and_more_of_the_other() -> None:
    found = by_value(
        charge("2026-03-02", "10", "100"),
        charge("2026-03-02", "10", "100", "none", account="222"),
        charge("2026-04-02", "5", "50"),
        charge("2026-04-02", "15", "150", "none", account="222"),
    )

    assert said(found.loc["shop"]) == {"change": -5, "usage": -5}
    assert said(found.loc["platform"]) == {"change": 5, "usage": 5}


def test_what_is_shared_on_some_days_is_split_by_the_whole_bill() -> None:
    days = Interval.days("2026-03-01", "2026-03-03"), Interval.days("2026-03-03", "2026-03-05")
    found = by_value(
        charge("2026-03-01", "1", "1"),
        charge("2026-03-03", "1", "1"),
        charge("2026-03-20", "6", "6", "none", account="222"),
        charge("2026-03-03", "4", service="Support", tags="none"),
        by_bill=False,
        periods=days,
    )

    assert said(found.loc["shop"]) == {"change": 1, SHARED: 1}
    assert said(found.loc["platform"]) == {"change": 3, SHARED: 3}


def test_a_payer_that_is_charged_in_one_period_alone_is_not_compared() -> None:
    of_both = charge("2026-03-02", "10", "100"), charge("2026-04-02", "12", "120")
    found = by_value(*of_both, charge("2026-04-02", "7", "7", payer="8"))

    assert said(found.loc["shop"]) == {"change": 2, "usage": 2}
    assert by_value(charge("2026-04-02", "7", "7")).empty


DIGITS = st.decimals(-99999, 99999, places=12)
CHARGE = st.fixed_dictionaries(
    {
        "month": st.sampled_from((MARCH, APRIL)),
        "day": st.integers(0, 5),
        "cost": DIGITS,
        "list_cost": DIGITS,
        "quantity": st.none() | st.decimals("0.000001", 99999, places=6),
        "tags": st.sampled_from(("shop", "web", "search", "none")),
        "account": st.sampled_from(("111", "222")),
        "service": st.sampled_from(("EC2", "Support")),
        "usage_type": st.sampled_from(("u", "v")),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHARGE, min_size=1, max_size=25))
def test_what_teams_are_charged_more_or_less_adds_up_to_what_everything_is_to_the_last_digit(drawn: list[dict[str, Any]]) -> None:
    rows = [
        charge(f"{each['month'].start + timedelta(days=each['day']):%Y-%m-%d}", str(each["cost"]))
        | {name: each[name] for name in ("account", "service", "usage_type", "list_cost")}
        | {"tag_set": each["tags"], "is_use": int(each["quantity"] is not None), "quantity": each["quantity"] or Decimal(0)}
        for each in drawn
    ]
    found = by_value(*rows)

    of = {month: [row["effective_cost"] for row in rows if row["billing_period"] == month.start] for month in (MARCH, APRIL)}
    expected = sum(of[APRIL], Decimal(0)) - sum(of[MARCH], Decimal(0)) if all(of.values()) else Decimal(0)
    assert found["change"].sum() == expected
    assert sum((found[name].sum() for name in PARTS), Decimal(0)) == expected


def test_without_rules_all_of_a_change_is_of_what_no_tag_names() -> None:
    rows = [charge("2026-03-02", "10", "100", "none"), charge("2026-04-02", "12", "120", "none")]
    found = split_change(Charges(pa.Table.from_pylist(rows, schema=WHOLE), {}), Rules(), "team", MARCH, APRIL, by_bill=True)

    assert list(found["value"]) == ["unallocated"]
    assert list(found["usage"]) == [2]
