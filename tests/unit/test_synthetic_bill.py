"""A synthetic bill in the lake: what was generated is what is charged, to the last digit, in any order and however often."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc
import pytest

from pipeline import plugs, tables
from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.sources import _bill_charges, _bill_usage, synthetic_bill
from pipeline.sources._bill_charges import MEANINGS
from pipeline.steps import perform
from pipeline.tables.money import BILL, CHARGE_DAILY
from tests.support.bills import COST

SMALL = {"servers": 2, "days": 42, "start": "2025-03-20", "seed": 3}
MONTHS = [date(2025, 3, 1), date(2025, 4, 1)]
WHOLE = Interval.days("2025-03-20", "2025-05-01")
#: Of exports: after April was closed, and after it changed.
BEFORE, AFTER = "2025-05-16", "2025-06-14"
COSTS = {
    "BilledCost": "billed_cost",
    "EffectiveCost": "effective_cost",
    "ListCost": "list_cost",
    "ContractedCost": "contracted_cost",
}


class Mixed(NamedTuple):
    """A home where days were run in no order and again, and what its days and their sums were then."""

    home: Path
    days: object
    sums: dict[tuple[date, str], Decimal]


def given(home: Path, **more: str) -> Settings:
    options = json.dumps({"sources": {"synthetic_bill": {**SMALL, **more}}})
    return settings_module.load({"HEADROOM_OPTIONS": options}, home=home)


def run(settings: Settings, interval: Interval, built: tuple[str, ...] = COST[:2]) -> None:
    perform("ingest", interval, target="synthetic_bill", settings=settings)
    for name in built:
        perform("build", interval, target=name, settings=settings)


def generated(settings: Settings) -> dict[tuple[date, str], Decimal]:
    """Sums of the generator itself, by month and cost."""
    options = plugs.options("sources", "synthetic_bill", settings)
    estate = synthetic_bill.draw_estate(options)
    exported = options.exported or date(2100, 1, 1)
    used = _bill_usage.as_said(estate.bill.used, estate.restated, exported)
    bill = replace(estate.bill, used=used)
    tables_of = {month: _bill_charges.lines(bill, month, exported) for month in MONTHS}
    return {
        (month, name): pc.sum(lines[column]).as_py()
        for month, lines in tables_of.items()
        for column, name in COSTS.items()
        if len(lines)
    }


def charged(lake: Lake, table: str) -> dict[tuple[date, str], Decimal]:
    sums = lake.read(tables.get(table)).group_by("billing_period").aggregate([(name, "sum") for name in COSTS.values()])
    return {(row["billing_period"].date(), name): row[f"{name}_sum"] for row in sums.to_pylist() for name in COSTS.values()}


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """All months at once, after they were closed."""
    settings = given(tmp_path_factory.mktemp("straight"), exported=BEFORE)
    run(settings, WHOLE)
    return settings


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    home = tmp_path_factory.mktemp("mixed")
    settings = given(home, exported=BEFORE)
    for day in ("2025-04-30", "2025-03-31", "2025-04-15"):
        run(settings, Interval.day(day))
    lake = open_lake(settings)
    return Mixed(home, lake.content(CHARGE_DAILY), charged(lake, "silver.charge_daily"))


def test_what_was_generated_is_what_the_bill_says_and_what_the_days_add_up_to(straight: Settings) -> None:
    lake, sums = open_lake(straight), generated(straight)
    assert set(MEANINGS) == set(COSTS)
    assert len(sums) == 8
    assert charged(lake, "silver.bill") == sums
    assert charged(lake, "silver.charge_daily") == sums
    bills = lake.read(BILL).to_pylist()
    assert {row["source"] for row in bills} == {"synthetic_bill"}
    assert {(row["format"], row["lines_refused"], row["uninvoiced_lines"]) for row in bills} == {("focus_1_2", 0, 0)}


def test_days_in_any_order_and_again_end_as_the_whole_does(straight: Settings, mixed: Mixed) -> None:
    assert mixed.days == open_lake(straight).content(CHARGE_DAILY)


def test_a_closed_month_that_is_restated_replaces_what_it_said_and_nothing_else(mixed: Mixed) -> None:
    later = given(mixed.home, exported=AFTER)
    said, other = generated(given(mixed.home, exported=BEFORE)), generated(later)
    assert mixed.sums == said

    run(later, WHOLE)

    assert charged(open_lake(later), "silver.charge_daily") == other
    moved = {month for month in MONTHS if said[month, "billed_cost"] != other[month, "billed_cost"]}
    [restated] = synthetic_bill.draw_estate(plugs.options("sources", "synthetic_bill", later)).restated
    assert moved == {restated.period} == {date(2025, 4, 1)}
    assert BEFORE < f"{restated.published}" <= AFTER


def test_a_bill_under_way_ends_with_the_day_before_its_export(tmp_path: Path) -> None:
    settings = given(tmp_path, exported="2025-04-11")
    run(settings, WHOLE, COST[:1])

    bills = {f"{row['billing_period']:%Y-%m}": row for row in open_lake(settings).read(BILL).to_pylist()}
    assert sorted(bills) == ["2025-03", "2025-04"]
    assert f"{bills['2025-04']['complete_through']:%Y-%m-%d}" == "2025-04-10"
    assert bills["2025-04"]["uninvoiced_lines"] == bills["2025-04"]["lines"]
    assert bills["2025-03"]["uninvoiced_lines"] == 0


def test_landing_an_export_again_reads_and_writes_nothing(tmp_path: Path) -> None:
    settings, day = given(tmp_path, exported="2025-04-11"), Interval.day("2025-04-10")
    assert perform("ingest", day, target="synthetic_bill", settings=settings) > 0
    assert perform("ingest", day, target="synthetic_bill", settings=settings) == 0
