"""What a forecast of cost learns from: bills as they were at its moment, whatever they were restated to later."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.inputs.charges import read_charges, take_back
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.steps.budgets import budgets
from pipeline.steps.forecast_cost import forecast_cost
from pipeline.tables.columns import STAMPED
from pipeline.tables.money import FOCUS_LINE
from tests.support.bills import line

MADE, SINCE = Interval.day("2026-04-09"), datetime(2026, 1, 1)
TABLES = ("silver.bill", "silver.charge_daily", "silver.cost_restatement")
ASKED = "SELECT * FROM gold.cost_forecast ORDER BY cost, level, account, service, kind, granularity, ts"


def land(settings: Settings, month: datetime, days: int, dollars: int, at: datetime, **over: Any) -> None:
    names = [c.name for c in FOCUS_LINE.columns if c.name not in STAMPED]
    period = {"billing_period": month, "billing_period_start": f"{month:%Y-%m-%d}", "execution": f"{at}", "invoice_id": "INV"}
    amounts = dict.fromkeys(("billed_cost", "effective_cost"), str(dollars))
    rows = [
        dict.fromkeys(names)
        | line(number=number + 1)
        | period
        | amounts
        | {"charge_start": month + timedelta(days=number)}
        | over
        for number in range(days)
    ]
    data = pa.Table.from_pylist(rows, schema=pa.schema([FOCUS_LINE.arrow_schema.field(name) for name in names]))
    open_lake(settings).land(FOCUS_LINE, data, source="billing", shard="e", ingested_at=at)


def build(settings: Settings) -> Lake:
    for target in TABLES:
        perform("build", MADE, target=target, settings=settings)
    return open_lake(settings)


@pytest.fixture
def billed(settings: Settings) -> Settings:
    """March, which is closed, and eight days of April, as they were known on the ninth."""
    settings = settings.model_copy(update={"restated_limit": 1000.0})
    land(settings, datetime(2026, 3, 1), 31, 10, datetime(2026, 4, 5))
    land(settings, datetime(2026, 4, 1), 8, 10, datetime(2026, 4, 9, 6))
    return settings


def test_a_restatement_that_becomes_known_later_changes_no_forecast_that_was_made_before(billed: Settings) -> None:
    forecast_cost(MADE, build(billed), billed)
    before = open_lake(billed).query(ASKED)

    land(billed, datetime(2026, 3, 1), 31, 25, datetime(2026, 4, 20))
    land(billed, datetime(2026, 4, 1), 8, 10, datetime(2026, 4, 21))
    lake = build(billed)
    forecast_cost(MADE, lake, billed)

    assert before.num_rows > 100
    assert open_lake(billed).query(ASKED).equals(before)
    now = read_charges(lake, SINCE, datetime(2026, 4, 25))
    assert set(now.loc[now["ts"] < datetime(2026, 4, 1), "billed"]) == {Decimal(25)}


def test_a_restatement_that_becomes_known_later_changes_no_course_of_a_budget_that_was_made_before(billed: Settings) -> None:
    asked = "SELECT * FROM gold.cost_course ORDER BY budget, ts"
    budgets(MADE, build(billed), billed)
    before = open_lake(billed).query(asked)

    land(billed, datetime(2026, 3, 1), 31, 25, datetime(2026, 4, 20))
    land(billed, datetime(2026, 4, 1), 8, 10, datetime(2026, 4, 21))
    budgets(MADE, build(billed), billed)

    assert before.num_rows == 30
    assert open_lake(billed).query(asked).equals(before)


def test_what_was_charged_for_the_first_time_later_was_not_charged_before_and_what_was_taken_back_was(billed: Settings) -> None:
    land(billed, datetime(2026, 3, 1), 31, 10, datetime(2026, 4, 20), service_name="S3")
    lake = build(billed)

    then, now = (read_charges(lake, SINCE, as_of) for as_of in (datetime(2026, 4, 10), datetime(2026, 4, 25)))

    march = [each[each["ts"] < datetime(2026, 4, 1)] for each in (then, now)]
    assert [set(each["service"]) for each in march] == [{"EC2"}, {"S3"}]
    assert {(len(each), sum(each["billed"])) for each in march} == {(31, Decimal(310))}
    assert set(then["complete_through"]) == {pd.Timestamp(2026, 4, 8)}


def test_of_a_month_that_was_landed_later_alone_what_is_said_now_counts(billed: Settings) -> None:
    land(billed, datetime(2026, 3, 1), 31, 25, datetime(2026, 4, 20))

    early = read_charges(build(billed), SINCE, datetime(2026, 4, 2))

    assert set(early.loc[early["ts"] < datetime(2026, 4, 1), "billed"]) == {Decimal(25)}


def test_charges_that_are_added_to_others_keep_the_order_and_the_columns_of_what_is_read() -> None:
    row = {"provider": "AWS", "account": "1", "service": "EC2", "currency": "USD", "category": "usage", "item": ""}
    read = pd.DataFrame(
        [
            row
            | {"ts": pd.Timestamp(2026, 3, day), "billed": Decimal(day), "effective": Decimal(day), "complete_through": pd.NaT}
            for day in (1, 2)
        ]
    )
    later = pd.DataFrame([row | {"ts": pd.Timestamp(2026, 3, 2), "billed": Decimal(-2), "effective": Decimal("-1.5")}])

    found = take_back(read.assign(complete_through=pd.Timestamp(2026, 3, 2)), later)

    assert list(found.columns) == list(read.columns)
    assert found[["billed", "effective"]].to_numpy().tolist() == [[1, 1], [0, Decimal("0.5")]]
