"""The order of a day's run follows from SQL and from declarations."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlglot import exp

from pipeline import tables
from pipeline.cli import in_order
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import sql
from pipeline.settings import Settings
from pipeline.steps import DAILY, STEPS, Step, _daily, list_builds, order_builds, order_daily
from pipeline.steps._daily import explain_not_built, read_tables
from pipeline.tables.schema import Build
from pipeline.tables.usage import CALENDAR


def declare(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, query: str, build: Build | None = None) -> None:
    """Add a table, and put its SQL into a folder that then stands for `sql/`."""
    monkeypatch.setitem(tables.ALL, name, replace(CALENDAR, name=name, build=build or Build()))
    if not folder.exists():
        shutil.copytree(sql.SQL, folder)
    (folder / f"{name.replace('.', '/')}.sql").write_text(query)
    monkeypatch.setattr(_daily, "SQL", folder)
    monkeypatch.setattr(_daily, "ROOT", folder.parent)


@pytest.mark.parametrize("name", sql.names())
def test_what_a_query_reads_is_found_in_its_text_as_a_parser_finds_it(name: str) -> None:
    assert read_tables(name) == sql.tables_behind(sql.parse(sql.text(name)))


def test_a_day_goes_from_ingest_through_silver_and_forecasts_to_the_report() -> None:
    order = list(order_daily())
    silver = [name for name in order if name.startswith("silver.")]

    assert order[: len(silver) + 2] == ["ingest", *silver, "gold.quality_result"]
    assert [name for name in order if name in DAILY] == list(DAILY)
    assert order.index("forecast") < order.index("risk") < order.index("recommend")
    assert order[-3:] == ["gold.run_stat", "alert", "report"]


@pytest.mark.parametrize(("rule", "also"), [("failed_step", {"ingest"}), ("stale_table", set())])
def test_an_alert_about_steps_is_about_those_of_the_day_that_come_before_it(rule: str, also: set[str]) -> None:
    [named] = [each for each in sql.parse(sql.text(f"alerts.{rule}")).find_all(exp.In) if each.this.name == "step"]
    left_out = {each.this for each in named.expressions}
    before = list(DAILY)[1 : list(DAILY).index("alert")]

    assert set(STEPS) - left_out == {"build", *before} | also


def test_everything_comes_after_what_it_waits_for_and_after_what_its_query_reads() -> None:
    daily = order_daily()
    position = {name: number for number, name in enumerate(daily)}
    written_by = {table: step for step in DAILY for table in STEPS[step].writes}

    for name, before in daily.items():
        assert all(position[each] < position[name] for each in before), name
    for name in list_builds():
        made_by = {written_by.get(table, table) for table in read_tables(name)} & set(daily) - {name}
        assert all(position[each] < position[name] for each in made_by), name


def test_scores_wait_for_the_forecasts_that_they_read_and_drift_for_the_scores() -> None:
    assert "forecast" in order_daily()["gold.forecast_score"]
    assert "gold.forecast_score" in order_daily()["gold.drift"]


def test_without_a_table_named_everything_is_built_but_what_is_about_the_whole_run() -> None:
    assert set(list_builds()) - set(order_builds()) == {"gold.run_stat"}
    assert order_builds().index("gold.forecast_score") < order_builds().index("gold.drift")


def test_a_table_is_built_after_what_it_reads_through_a_view(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    declare(monkeypatch, folder, "gold.first", "SELECT * FROM views.between -- and not bronze.price")
    declare(monkeypatch, folder, "gold.second", "SELECT * FROM gold.anomaly_point WHERE detectors <> 'of gold.forecast'")
    (folder / "views" / "between.sql").write_text("SELECT * FROM gold.second")

    daily = order_daily()
    assert "gold.second" in daily["gold.first"]
    assert "detect" in daily["gold.second"]
    assert "forecast" not in daily["gold.second"]
    assert "gold.first" in daily["gold.run_stat"]


def test_silver_that_reads_silver_waits_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    declare(monkeypatch, tmp_path / "sql", "silver.aggregate", "SELECT * FROM silver.quarantine")

    assert order_daily()["silver.aggregate"] == ("ingest", "silver.quarantine")
    assert "silver.aggregate" in order_daily()["gold.quality_result"]


def test_tables_that_wait_for_each_other_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    declare(monkeypatch, tmp_path / "sql", "gold.hen", "SELECT * FROM gold.egg")
    declare(monkeypatch, tmp_path / "sql", "gold.egg", "SELECT * FROM gold.hen")

    with pytest.raises(ConfigError, match=r"no order: .*gold\.hen waits for .*gold\.egg"):
        order_daily()


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("gold.forecast", "it is written by the step forecast"),
        ("gold.risk_reliability", "it is written by the step risk"),
        ("silver.check_result", "it is written by the step build"),
        ("bronze.price", "it is written by the step ingest"),
        ("gold.forecast_score", ""),
        ("silver.calendar", ""),
    ],
)
def test_why_a_table_is_not_built_is_true(table: str, reason: str) -> None:
    assert explain_not_built(table) == reason


def test_a_table_that_nothing_writes_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tables.ALL, "gold.wish", replace(CALENDAR, name="gold.wish", build=Build()))

    assert explain_not_built("gold.wish") == "it has no SQL in sql/gold/wish.sql, and no step declares that it writes it"
    monkeypatch.setitem(STEPS, "wish", Step(role="publisher", writes=("gold.wish",)))
    assert explain_not_built("gold.wish") == "it is written by the step wish"


def test_a_broken_file_of_rules_stops_what_is_made_of_it_alone_and_is_said_last(monkeypatch: pytest.MonkeyPatch) -> None:
    performed = []

    def perform(step: str, interval: Interval, settings: Settings, *, target: str = "", **_: object) -> None:
        performed.append(target if step == "build" else step)
        if target == "gold.cost_allocation" or step == "savings":
            raise ConfigError("allocation.toml: line 8, rule a, match.sevice: there is no such key; did you mean 'service'?")

    monkeypatch.setattr(in_order, "perform_step", perform)

    with pytest.raises(ConfigError, match="allocation.toml: line 8, rule a"):
        in_order.perform_in_order(order_daily(), Interval.day("2026-03-10"), Settings(sources=("samples",)))

    assert {"forecast_cost", "budgets", "recommend", "savings", "clusters", "alert"} <= set(performed)
    assert set(performed).isdisjoint({"gold.cost_forecast_score", "gold.recommendation_status", "gold.run_stat", "report"})
    assert performed.count("gold.cost_allocation") == 1
