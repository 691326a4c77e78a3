"""The step that forecasts cost, on a lake: what it reads of bills, and what it publishes."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.inputs.findings import gather
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import load
from pipeline.steps.build import build
from pipeline.steps.forecast_cost import forecast_cost
from pipeline.tables.allocation import COST_ALLOCATION, COSTS, KEPT
from pipeline.tables.columns import ALL
from pipeline.tables.cost_forecast import COST_FORECAST
from pipeline.tables.money import BILL, CHARGE_DAILY
from pipeline.tables.schema import Table

DAY = Interval.day("2026-03-20")
SCORE = "gold.cost_forecast_score"
MONTHS = [datetime(2026, 1, 1), datetime(2026, 2, 1), datetime(2026, 3, 1)]


def bill(month: datetime, through: datetime) -> dict[str, object]:
    costs = dict.fromkeys(("refused_cost", "billed_cost", "effective_cost", "list_cost", "contracted_cost"), Decimal(1))
    return {
        "source": "billing", "export": "e", "billing_period": month, "provider": "AWS", "payer": "9", "format": "focus_1_2",
        "execution": "x", "load_id": "a" * 64, "ingested_at": through, "files": 1, "schema_hash": "h", "lines": 1,
        "lines_refused": 0, "currency": "USD", "uninvoiced_lines": 0, "complete_through": through, "superseded_by": None, **costs,
    }  # fmt: skip


def charge(day: datetime, service: str, amount: float) -> dict[str, object]:
    named = dict.fromkeys(("usage_type", "resource_id", "charge_class", "commitment_id", "tag_set", "unit"), "none")
    costs = dict.fromkeys(("billed_cost", "effective_cost", "list_cost", "contracted_cost"), Decimal(str(amount)))
    return {
        "billing_period": day.replace(day=1), "source": "billing", "provider": "AWS", "payer": "9", "currency": "USD", "ts": day,
        "account": "111111111111", "service": service, "region": "us-east-1", "charge_category": "Usage",
        "pricing_category": "Standard", "quantity": Decimal(1), "lines": 1, **named, **costs,
    }  # fmt: skip


def allocated(day: datetime, service: str, team: str) -> dict[str, object]:
    whole = charge(day, service, day.day % 3 + 10)
    named = {"dimension": "team", "value": team, "method": "tag", "rule": "team", "share": 1.0}
    return {name: whole[name] for name in (*KEPT, *COSTS)} | named


def publish(lake: Lake, table: Table, rows: list[dict[str, object]]) -> None:
    spans = Interval(MONTHS[0], datetime(2026, 4, 1))
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    lake.replace(table, conform(pa.Table.from_pylist(rows, schema), table, spans), table.scope(spans))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Bills of two services, to the 18th of March, of which the last is landed with nothing after that."""
    found = open_lake(load({}, home=tmp_path))
    days = [MONTHS[0] + timedelta(days=number) for number in range(77)]
    publish(found, BILL, [bill(month, min(datetime(2026, 3, 18), month + timedelta(days=27))) for month in MONTHS])
    publish(found, CHARGE_DAILY, [charge(day, name, day.day % 3 + 10) for day in days for name in ("AmazonEC2", "AmazonS3")])
    return found


def test_what_bills_will_say_is_published_and_building_it_twice_changes_nothing(lake: Lake) -> None:
    asked = "SELECT * FROM gold.cost_forecast ORDER BY cost, level, account, service, kind, granularity, ts"

    written = forecast_cost(DAY, lake, lake.settings)
    first = lake.query(asked)
    again = forecast_cost(DAY, lake, lake.settings)

    assert written == again == first.num_rows > 0
    assert lake.query(asked).equals(first)


def test_parts_add_up_to_the_total_to_the_last_digit_in_the_table(lake: Lake) -> None:
    forecast_cost(DAY, lake, lake.settings)

    sums = lake.query(
        "SELECT w.cost, w.granularity, w.ts, w.mean AS whole, sum(p.mean) AS parts "
        "FROM gold.cost_forecast AS w JOIN gold.cost_forecast AS p "
        "ON p.cost = w.cost AND p.granularity = w.granularity AND p.ts = w.ts AND p.kind = w.kind "
        "WHERE w.level = 'total' AND p.level = 'by_account_service' GROUP BY w.cost, w.granularity, w.ts, w.mean, w.kind"
    ).to_pylist()

    assert len(sums) > 400
    assert all(row["whole"] == row["parts"] for row in sums)


def test_the_report_reads_what_is_said_of_all_teams_together(lake: Lake) -> None:
    forecast_cost(DAY, lake, lake.settings)

    said = gather(DAY, lake).cost_forecast

    assert set(said["team"]) == {ALL}
    assert {"total", "by_account_service"} < set(said["level"])


def test_a_forecast_is_scored_when_the_bill_has_its_days_and_anew_when_the_bill_says_otherwise(lake: Lake) -> None:
    asked = "SELECT ts, lead, actual FROM gold.cost_forecast_score WHERE level = 'total' AND kind = 'all' AND cost = 'billed'"
    forecast_cost(DAY, lake, lake.settings)
    late = Interval.day("2026-03-25")
    assert [build(late, lake, lake.settings, target=name) for name in ("silver.cost_daily", SCORE)][1] == 0

    for amount in (10, 12):
        landed = [
            charge(MONTHS[0] + timedelta(days=number), name, amount if number > 76 else number % 3 + 10)
            for number in range(83)
            for name in ("AmazonEC2", "AmazonS3")
        ]
        publish(lake, BILL, [bill(month, datetime(2026, 3, 24)) for month in MONTHS])
        publish(lake, CHARGE_DAILY, landed)
        build(late, lake, lake.settings, target="silver.cost_daily")
        build(late, lake, lake.settings, target=SCORE)
        scored = {row["lead"]: row for row in lake.query(asked).to_pylist()}
        assert {lead: row["ts"].day for lead, row in scored.items()} == {1: 21, 2: 22}
        assert {row["actual"] for row in scored.values()} == {2.0 * amount}


def test_an_account_whose_bills_ended_is_named_and_not_forecast(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    late = Interval.day("2026-05-20")

    assert forecast_cost(late, lake, lake.settings) == 0

    assert f"{late}: not forecast, for their bills have ended: 111111111111 (to 2026-03-18)" in caplog.text


def test_days_that_no_rules_could_allocate_are_forecast_by_team_as_lately_and_the_log_says_so(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    known = [MONTHS[2] + timedelta(days=number) for number in range(10)]
    publish(lake, COST_ALLOCATION, [allocated(day, name, "shop") for day in known for name in ("AmazonEC2", "AmazonS3")])

    forecast_cost(DAY, lake, lake.settings)

    assert f"{DAY}: gold.cost_allocation goes to 2026-03-10, bills to 2026-03-18" in caplog.text
    teams = lake.query("SELECT team, sum(mean) AS mean FROM gold.cost_forecast WHERE level IN ('total', 'by_team') GROUP BY team")
    means = {row["team"]: row["mean"] for row in teams.to_pylist()}
    assert means.keys() == {ALL, "shop"}
    assert means[ALL] == means["shop"] > 0


def test_an_estate_without_bills_has_no_forecast_of_cost(tmp_path: Path) -> None:
    lake = open_lake(load({}, home=tmp_path))

    assert forecast_cost(DAY, lake, lake.settings) == 0
    assert lake.read(COST_FORECAST, COST_FORECAST.scope(DAY)).num_rows == 0
