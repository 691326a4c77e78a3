"""Which recommendations were followed, from a lake's inventories, bills and hours, and what that saved."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import settings as settings_module
from pipeline.inputs.savings import name_owner
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.advice import RECOMMENDATION
from pipeline.tables.money import BILL, CHARGE_DAILY, PRICE_HELD, TAG_SET
from pipeline.tables.savings import SAVINGS, SAVINGS_DAILY
from pipeline.tables.schema import Table
from pipeline.tables.usage import RESOURCE

FIRST, CHANGED, LAST = datetime(2026, 1, 1), datetime(2026, 3, 10), datetime(2026, 4, 10)
DAYS = [each.to_pydatetime() for each in pd.date_range(FIRST, LAST, freq="D")]
IDS = {name: f"{number:016x}" for number, name in enumerate(("i-size", "i-stop", "i-back", "i-kept", "i-unbilled", "i-twin"), 1)}
PRICES = {"m5.xlarge": 0.192, "m5.large": 0.096}


def put(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    whole = Interval(FIRST - timedelta(days=40), LAST + timedelta(days=2)).whole_months()
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    data = conform(pa.Table.from_pylist(rows, schema=schema), table, whole)
    scope = table.scope(whole)
    if table.time == "as_of":
        scope = type(scope)("as_of", whole.start, whole.end)
    lake.replace(table, data, scope)


def what_is(name: str, day: datetime) -> tuple[str, str]:
    """Type and state of a machine on a day."""
    if name in ("i-size", "i-unbilled", "i-twin"):
        return ("m5.xlarge" if day < CHANGED else "m5.large"), "running"
    stopped = (name == "i-stop" and day >= CHANGED) or (name == "i-back" and CHANGED <= day < CHANGED + timedelta(days=20))
    return "m5.xlarge", "stopped" if stopped else "running"


def advised() -> list[dict[str, Any]]:
    rows = []
    for name, recommendation_id in IDS.items():
        is_size = name in ("i-size", "i-unbilled", "i-twin")
        for as_of in DAYS:
            if not CHANGED - timedelta(days=10) <= as_of <= (LAST if name == "i-kept" else CHANGED):
                continue
            rows.append(
                {
                    "as_of": as_of, "recommendation_id": recommendation_id, "rule_id": "rightsize" if is_size else "idle",
                    "rule_version": "1", "account": "1", "region": "us-east-1", "service": "ec2",
                    "resource_id": "i-size" if name == "i-twin" else name, "action": "rightsize" if is_size else "stop",
                    "reason": "r", "current_config": "m5.xlarge", "target_config": "m5.large" if is_size else None,
                    "evidence_json": "{}", "monthly_cost_usd": 140.0, "confidence": 1.0, "risk_level": 1, "effort": "low",
                    "savings_monthly_usd": 60.0 if name == "i-twin" else 70.0, "restart_needed": True, "rollback_possible": True,
                    "rollback_note": "n", "exclusive_group": "size" if is_size else "end", "status": "accepted",
                    "portfolio_savings_usd": 70.0, "first_seen_at": CHANGED - timedelta(days=10),
                }
            )  # fmt: skip
    return rows


def charged() -> list[dict[str, Any]]:
    rows = []
    for day in DAYS:
        for name in ("i-size", "i-stop", "i-back", "i-kept"):
            kind, state = what_is(name, day)
            if state == "stopped":
                continue
            cost = 24 * Decimal(str(PRICES[kind]))
            rows.append(
                {
                    "billing_period": day.replace(day=1), "source": "billing", "provider": "AWS", "payer": "9", "currency": "USD",
                    "ts": day, "account": "1", "service": "EC2", "region": "us-east-1", "usage_type": f"BoxUsage:{kind}",
                    "resource_id": f"arn:aws:ec2:us-east-1:1:instance/{name}", "charge_category": "Usage",
                    "charge_class": "none", "pricing_category": "Standard", "commitment_id": "none", "tag_set": "a" * 16,
                    "unit": "Hrs", "quantity": Decimal(24), "billed_cost": cost, "effective_cost": cost, "list_cost": cost,
                    "contracted_cost": cost, "lines": 1,
                }
            )  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Machines of which some were made smaller, stopped, stopped for twenty days, and left as they are; one has no bill."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("savings"))
    lake = open_lake(settings)
    put(lake, RECOMMENDATION, advised())
    names = [name for name in IDS if name != "i-twin"]
    inventory = [
        {"account": "1", "region": "us-east-1", "resource_id": name, "ts": day, "service": "ec2", "tags_json": "{}"}
        | {"instance_type": what_is(name, day)[0], "state": what_is(name, day)[1]}
        for day in DAYS
        for name in names
    ]
    put(lake, RESOURCE, inventory)
    put(lake, CHARGE_DAILY, charged())
    months = sorted({day.replace(day=1) for day in DAYS})
    said = {"source": "billing", "export": "e", "provider": "AWS", "payer": "9", "format": "focus_1_2", "execution": "x"}
    said |= {"load_id": "0" * 64, "files": 1, "schema_hash": "h", "lines": 1, "lines_refused": 0, "uninvoiced_lines": 0}
    said |= {"currency": "USD", "billed_cost": Decimal(1), "refused_cost": Decimal(0), "ingested_at": datetime(2026, 6, 1)}
    put(lake, BILL, [said | {"billing_period": each, "complete_through": LAST} for each in months])
    put(
        lake,
        TAG_SET,
        [
            {"billing_period": each, "source": "billing", "tag_set": "a" * 16, "tags_json": json.dumps({"team": "Web"})}
            for each in months
        ],
    )
    listed = {"source": "prices", "service": "ec2", "region": "us-east-1", "unit": "hour", "landings": 1, "ts": FIRST}
    put(lake, PRICE_HELD, [listed | {"item": item, "price_usd": price} for item, price in PRICES.items()])
    return settings


def ledger(settings: Settings, as_of: datetime) -> dict[str, dict[str, Any]]:
    lake = open_lake(settings)
    perform("savings", Interval(as_of - timedelta(days=1), as_of), settings=settings)
    rows = lake.query("SELECT * FROM gold.savings WHERE as_of = :as_of", {"as_of": as_of}).to_pylist()
    names = {recommendation_id: name for name, recommendation_id in IDS.items()}
    return {names[row["recommendation_id"]]: row for row in rows}


def test_what_was_followed_is_found_by_the_inventory_and_what_it_saved_by_the_bill(billed: Settings) -> None:
    rows = ledger(billed, datetime(2026, 4, 8))

    assert {name: row["status"] for name, row in rows.items()} == {
        "i-size": "verified", "i-stop": "verified", "i-back": "regressed", "i-kept": None, "i-unbilled": "verified",
        "i-twin": "verified",
    }  # fmt: skip
    size, stop = rows["i-size"], rows["i-stop"]
    # From the day after the change to the newest that a bill has whole, three days before the run.
    assert (size["changed_on"], size["measured_from"], size["measured_through"]) == (
        CHANGED,
        datetime(2026, 3, 11),
        datetime(2026, 4, 5),
    )
    assert size["saved_cost"] == pytest.approx(26 * 24 * 0.096)
    assert stop["saved_cost"] == pytest.approx(26 * 24 * 0.192)
    assert (size["demand_basis"], stop["demand_basis"]) == ("observed_use", "expected_use")
    assert (size["team"], size["source"], size["cost_basis"], size["answer"]) == ("web", "billing", "bill", "accepted")


def test_a_resource_that_changed_hands_is_of_the_team_of_its_newest_charges_and_of_several_of_the_largest() -> None:
    rows = [("shop", datetime(2026, 3, 20), 900.0), ("web", datetime(2026, 4, 2), 30.0), ("data", datetime(2026, 4, 1), 20.0)]
    charged = pd.DataFrame(rows, columns=["team", "ts", "cost"])

    assert name_owner(charged) == "web"
    assert name_owner(charged.assign(cost=[900.0, 30.0, 40.0])) == "data"


def test_a_change_that_is_taken_back_saved_until_then(billed: Settings) -> None:
    row = ledger(billed, datetime(2026, 4, 8))["i-back"]

    assert row["ended_on"] == CHANGED + timedelta(days=20)
    assert row["reason"].startswith("Taken back on 2026-03-30")
    assert row["saved_cost"] == pytest.approx(row["days"] * 24 * 0.192)


def test_a_resource_without_a_bill_is_measured_at_list_price_and_marked_so(billed: Settings) -> None:
    row = ledger(billed, datetime(2026, 4, 8))["i-unbilled"]

    assert (row["cost_basis"], row["source"], row["currency"]) == ("list_price", None, "USD")
    assert row["saved_cost"] == pytest.approx(row["days"] * 24 * 0.096)


def test_two_recommendations_that_one_change_follows_save_once(billed: Settings) -> None:
    rows = ledger(billed, datetime(2026, 4, 8))

    assert (rows["i-size"]["is_counted"], rows["i-twin"]["is_counted"]) == (True, False)


def test_cost_before_demand_and_price_less_what_was_saved_are_what_was_paid(billed: Settings) -> None:
    for row in ledger(billed, datetime(2026, 4, 8)).values():
        if row["days"]:
            told = row["before_cost"] + row["demand_cost"] + row["price_cost"] - row["saved_cost"]
            assert told == pytest.approx(row["actual_cost"])


def test_runs_in_any_order_and_again_publish_the_same(billed: Settings) -> None:
    moments = [datetime(2026, 3, 20), datetime(2026, 4, 1), datetime(2026, 4, 8)]
    for as_of in moments:
        ledger(billed, as_of)
    straight = [open_lake(billed).content(table) for table in (SAVINGS, SAVINGS_DAILY)]

    for as_of in (*moments[::-1], moments[1]):
        ledger(billed, as_of)

    assert [open_lake(billed).content(table) for table in (SAVINGS, SAVINGS_DAILY)] == straight


def test_too_few_days_are_not_known_yet(billed: Settings) -> None:
    row = ledger(billed, datetime(2026, 3, 20))["i-size"]

    assert row["status"] == "implemented"
    assert "14 days are needed" in row["reason"]
    assert row["days"] == 7


def test_the_sums_of_the_days_are_those_of_the_ledger(billed: Settings) -> None:
    as_of = datetime(2026, 4, 8)
    rows = ledger(billed, as_of)

    daily = open_lake(billed).query("SELECT * FROM gold.savings_daily WHERE as_of = :as_of", {"as_of": as_of}).to_pandas()

    by_id = daily.groupby("recommendation_id")
    for name in ("i-size", "i-stop", "i-back"):
        mine = by_id.get_group(IDS[name]).sort_values("ts")
        assert mine["saved_cost"].sum() == pytest.approx(rows[name]["saved_cost"])
        assert mine["cumulated_high"].iloc[-1] == pytest.approx(rows[name]["saved_high"])


def test_a_lake_without_recommendations_publishes_nothing(settings: Settings) -> None:
    assert perform("savings", Interval.day("2026-04-07"), settings=settings) == 0


def test_a_plan_that_was_bought_and_tags_that_were_put_on_are_found_in_the_bill(lake: Lake) -> None:
    [like] = [each for each in advised() if each["as_of"] == CHANGED and each["resource_id"] == "i-stop"]
    asked = {"account": "9", "region": "global", "service": "savings_plan", "resource_id": "compute", "action": "purchase"}
    asked |= {"exclusive_group": "commitment", "target_config": "$1.000 an hour for 365 days", "rule_id": "savings_plan"}
    bare = {"account": "1", "region": "global", "service": "tags", "resource_id": "untagged", "action": "tag"}
    bare |= {"exclusive_group": "tag", "target_config": None, "rule_id": "untagged", "savings_monthly_usd": None}
    said = [
        {**like, **each, "as_of": as_of, "recommendation_id": name * 16}
        for name, each in (("b", asked), ("c", bare))
        for as_of in DAYS
        if CHANGED - timedelta(days=10) <= as_of <= CHANGED
    ]
    [day] = [each for each in charged() if each["ts"] == CHANGED and "i-size" in each["resource_id"]]
    plan = {"commitment_id": "arn:aws:savingsplans::9:savingsplan/a", "pricing_category": "Committed"}
    bill = []
    for ts in DAYS:
        is_after = ts >= CHANGED
        mine = {**day, "ts": ts, "billing_period": ts.replace(day=1), "effective_cost": Decimal(24), "list_cost": Decimal(30)}
        bill.append(mine | {"tag_set": "a" * 16 if is_after else "none"} | (plan if is_after else {}))
    put(lake, RECOMMENDATION, said)
    put(lake, CHARGE_DAILY, bill)

    perform("savings", Interval(datetime(2026, 4, 7), datetime(2026, 4, 8)), settings=lake.settings)

    rows = lake.query("SELECT * FROM gold.savings ORDER BY rule_id").to_pylist()
    assert [(row["rule_id"], row["status"], row["changed_on"], row["became_config"], row["days"]) for row in rows] == [
        ("savings_plan", "implemented", CHANGED, "$1.000 an hour committed", 0),
        ("untagged", "implemented", CHANGED, "0.0% without a tag", 0),
    ]
