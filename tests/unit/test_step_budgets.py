"""Budgets from the lake's bills: whose cost counts, what is told once, and files that are wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from pipeline import settings as settings_module
from pipeline.cli import summary
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.tables.allocation import COST_ALLOCATION
from pipeline.tables.budget import BUDGET_STATUS, COST_COURSE
from pipeline.tables.money import BILL, CHARGE_DAILY
from pipeline.tables.schema import Table

FIRST, DAYS = datetime(2026, 1, 1), 70
LAST = FIRST + timedelta(days=DAYS - 1)
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
BUDGETS = """
[[budget]]
name = "everything"
amount = 400

[[budget]]
name = "web"
amount = 900
scope = { team = "Web*" }

[[budget]]
name = "storage"
amount = 10
scope = { service = "amazon simple*" }
actual_pct = [50, 80, 100]
"""


def put(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> None:
    whole = Interval(FIRST, LAST + timedelta(days=1)).whole_months()
    schema = pa.schema([table.arrow_schema.field(name) for name in table.names])
    lake.replace(table, conform(pa.Table.from_pylist(rows, schema=schema), table, whole), table.scope(whole))


@pytest.fixture(scope="module")
def billed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Ten dollars a day of machines for the team web, and one of storage for nobody."""
    settings = settings_module.load({}, home=tmp_path_factory.mktemp("billed"))
    charges, allocated, months = [], [], set()
    for number in range(DAYS):
        ts = FIRST + timedelta(days=number)
        months.add(ts.replace(day=1))
        for service, amount, team in (("EC2", "10", "web"), ("Amazon%20Simple%20Storage", "1", "unallocated")):
            known = {
                "billing_period": ts.replace(day=1), "source": "billing", "provider": "AWS", "payer": "9", "currency": "USD",
                "ts": ts, "account": "1", "service": service, "charge_category": "Usage", **dict.fromkeys(COSTS, Decimal(amount)),
            }  # fmt: skip
            charges.append(
                known
                | {
                    "region": "r",
                    "usage_type": "u",
                    "resource_id": "i",
                    "charge_class": "none",
                    "pricing_category": "none",
                    "commitment_id": "none",
                    "tag_set": "none",
                    "unit": "Hrs",
                    "lines": 1,
                }
            )
            allocated.append(known | {"dimension": "team", "value": team, "method": "tag", "rule": "none", "share": 1.0})
    bill = {
        "source": "billing", "export": "e", "provider": "AWS", "payer": "9", "format": "focus_1_2", "execution": "x", "files": 1,
        "load_id": "0" * 64, "ingested_at": LAST + timedelta(days=2), "schema_hash": "0", "lines": 1, "lines_refused": 0,
        "refused_cost": Decimal(0), "uninvoiced_lines": 0, "complete_through": LAST,
    }  # fmt: skip
    lake = open_lake(settings)
    put(lake, CHARGE_DAILY, charges)
    put(lake, COST_ALLOCATION, allocated)
    put(lake, BILL, [bill | {"billing_period": month} for month in sorted(months)])
    return settings


def stand(settings: Settings, tmp_path: Path, text: str = BUDGETS, as_of: datetime = LAST) -> dict[str, dict[str, Any]]:
    """Each budget's row as of the end of a day."""
    file = tmp_path / "budgets.toml"
    file.write_text(text)
    day = Interval.day(f"{as_of:%Y-%m-%d}")
    perform("budgets", day, settings=settings.model_copy(update={"budgets": str(file)}))
    return {row["budget"]: row for row in open_lake(settings).read(BUDGET_STATUS, BUDGET_STATUS.scope(day)).to_pylist()}


def test_each_budget_counts_its_scope_alone(billed: Settings, tmp_path: Path) -> None:
    found = stand(billed, tmp_path)

    assert {name: float(row["actual"]) for name, row in found.items()} == {"everything": 121, "web": 110, "storage": 11}
    assert {name: row["expected"] for name, row in found.items()} == pytest.approx({"everything": 341, "web": 310, "storage": 31})
    assert found["everything"]["p_breach"] < 0.01
    assert found["storage"]["p_breach"] > 0.99
    assert found["storage"]["spent_p50"] == datetime(2026, 3, 11)
    assert [found[name]["actual_over_pct"] for name in ("everything", "web", "storage")] == [None, None, 100]


def test_an_alert_says_which_share_is_spent_or_expected(billed: Settings, tmp_path: Path) -> None:
    stand(billed, tmp_path)

    from pipeline.lake import sql

    rows = open_lake(billed).query(sql.text("alerts.budget"), {"as_of": LAST + timedelta(days=1)}).to_pylist()

    assert {row["subject"] for row in rows} == {
        "storage to 2026-03-31, 100 percent spent",
        "storage to 2026-03-31, 100 percent expected",
    }


def test_the_screen_shows_the_likeliest_to_be_exceeded_first(billed: Settings, tmp_path: Path) -> None:
    stand(billed, tmp_path)
    console = Console(file=StringIO(), width=120)

    summary.budgets(console, open_lake(billed), LAST + timedelta(days=1), {})

    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    storage, *others = (line.split() for line in lines if "USD" in line)
    assert storage == ["storage,", "USD", "2026-03-31", "10.00", "11.00", "31.00", "100%", "2026-03-11"]
    assert [each[0] for each in others] == ["everything,", "web,"]


def test_the_same_run_again_changes_nothing_and_without_a_file_there_is_none(billed: Settings, tmp_path: Path) -> None:
    first = stand(billed, tmp_path)
    assert stand(billed, tmp_path) == first

    empty = perform("budgets", Interval.day("2026-03-09"), settings=billed)

    assert empty == 0


def test_a_share_that_was_told_in_the_period_is_kept_and_a_new_period_begins_anew(billed: Settings, tmp_path: Path) -> None:
    def text(amount: float) -> str:
        return f'[[budget]]\nname = "kept"\namount = {amount}\nforecast_pct = [100]\n'

    told = stand(billed, tmp_path, text(340), datetime(2026, 3, 4))["kept"]
    near = stand(billed, tmp_path, text(345), datetime(2026, 3, 5))["kept"]
    april = stand(billed, tmp_path, text(345), datetime(2026, 4, 1))["kept"]

    assert [told["forecast_over_pct"], near["forecast_over_pct"], april["forecast_over_pct"]] == [100, 100, None]


def test_a_scope_that_no_bill_charges_is_said(billed: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = stand(billed, tmp_path, '[[budget]]\nname = "typing"\namount = 1\nscope = { service = "S3" }\n')["typing"]

    assert (row["actual"], row["expected"], row["p_breach"]) == (0, None, None)
    assert "typing: no bill charges its scope, service like S3" in caplog.text


def test_the_budget_of_a_team_stands_at_nothing_before_there_is_any_bill(tmp_path: Path) -> None:
    empty = settings_module.load({}, home=tmp_path / "empty")

    row = stand(empty, tmp_path, '[[budget]]\nname = "web"\namount = 1\nscope = { team = "web" }\n')["web"]

    assert (row["actual"], row["expected"], row["p_breach"]) == (0, None, None)


def test_a_dimension_that_the_rules_do_not_have_is_refused(billed: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"budgets: b: scope: no dimension 'teem'; did you mean 'team'"):
        stand(billed, tmp_path, '[[budget]]\nname = "b"\namount = 1\nscope = { teem = "web" }\n')


@pytest.mark.parametrize("team", ["WEB", "Web ", "w?b", "Internet Team"])
def test_a_value_of_a_dimension_may_be_spelled_as_tags_are(billed: Settings, tmp_path: Path, team: str) -> None:
    rules = tmp_path / "allocation.toml"
    rules.write_text('[dimension.team.values]\nweb = ["internet-team"]\n')
    settings = billed.model_copy(update={"allocation": str(rules)})

    row = stand(settings, tmp_path, f'[[budget]]\nname = "spelled"\namount = 900\nscope = {{ team = "{team}" }}\n')["spelled"]

    assert row["actual"] == 110


def test_an_allocation_that_is_behind_the_bill_is_not_taken_for_days_without_cost(billed: Settings, tmp_path: Path) -> None:
    lake, month = open_lake(billed), Interval.day("2026-03-01").whole_months()
    of_march = COST_ALLOCATION.scope(month)
    whole = lake.read(COST_ALLOCATION, of_march)
    early = [row for row in whole.to_pylist() if row["ts"] < datetime(2026, 3, 4)]
    try:
        lake.replace(COST_ALLOCATION, pa.Table.from_pylist(early, whole.schema), of_march)
        row = stand(billed, tmp_path)["web"]
    finally:
        lake.replace(COST_ALLOCATION, whole, of_march)

    assert (row["actual"], row["complete_through"]) == (30, datetime(2026, 3, 3))
    assert row["expected"] == pytest.approx(310)


def test_a_month_that_the_plan_lacks_and_a_period_that_began_before_the_bills_are_said(
    billed: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = """
[[budget]]
name = "short"
planned = { "2026-02" = 1 }

[[budget]]
name = "fiscal"
amount = 1
period = "yearly"
fiscal_year_starts = 7
"""
    assert set(stand(billed, tmp_path, text)) == {"fiscal"}
    assert "short is not judged, for `planned` lacks a month from 2026-03 to the one before 2026-04: add it" in caplog.text
    assert "fiscal: nothing of its scope, all, is billed before 2026-01-01, and its period begins on 2025-07-01" in caplog.text


def test_the_course_of_each_budget_and_of_everything_is_published_without_any_budget_too(
    billed: Settings, tmp_path: Path
) -> None:
    day = Interval.day(f"{LAST:%Y-%m-%d}")
    found = {}
    for text in ("", BUDGETS):
        stand(billed, tmp_path, text)
        rows = open_lake(billed).read(COST_COURSE, COST_COURSE.scope(day)).to_pylist()
        found[text] = {(row["budget"], row["cost"]): row for row in rows if row["ts"] == datetime(2026, 3, 10)}

    assert found[""].keys() == {("none", "effective")}
    assert found[BUDGETS].keys() == {("none", "effective"), *((name, "billed") for name in ("everything", "web", "storage"))}
    assert {name: row["actual"] for (name, _), row in found[BUDGETS].items()} == {
        "none": 110, "everything": 110, "web": 100, "storage": 10,
    }  # fmt: skip
    assert len(rows) == 4 * 31


def test_a_budget_of_a_team_comes_to_what_the_cost_forecast_says_of_the_team(billed: Settings, tmp_path: Path) -> None:
    day = Interval.day(f"{LAST:%Y-%m-%d}")
    found = stand(billed, tmp_path, '[[budget]]\nname = "web"\namount = 900\nscope = { team = "web" }\n')["web"]
    perform("forecast_cost", day, settings=billed)

    [row] = (
        open_lake(billed)
        .query(
            "SELECT mean, p05, p95, billed FROM gold.cost_forecast WHERE level = 'by_team' AND team = 'web' AND kind = 'all' "
            "AND cost = 'billed' AND granularity = 'month' AND ts = DATE '2026-03-01'"
        )
        .to_pylist()
    )

    assert found["actual"] == row["billed"] == 110
    assert found["expected"] == pytest.approx(float(row["mean"]), abs=1e-6)
    assert (found["p05"], found["p95"]) == pytest.approx((row["p05"], row["p95"]), abs=1e-6)


def test_what_everything_comes_to_is_whole_also_where_forecasts_read_less_than_a_month(billed: Settings) -> None:
    day = Interval.day("2026-02-28")
    perform("budgets", day, settings=billed.model_copy(update={"history_days": 14}))

    rows = open_lake(billed).read(COST_COURSE, COST_COURSE.scope(day)).to_pylist()
    assert {row["ts"].day: row["actual"] for row in rows} == {number: 11 * number for number in range(1, 29)}


def test_what_everybody_is_charged_is_asked_for_once(billed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.inputs import charges

    asked, read = [], charges.read
    monkeypatch.setattr(charges, "read", lambda lake, name, **params: asked.append(name) or read(lake, name, **params))

    stand(billed, tmp_path)

    assert sorted(asked) == ["allocated_charges", "cost_charges", "cost_restated_later"]
