"""No query of a run reads the whole history: each states a window in its head (`test_golden`: no row outside counts)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, sql
from tests.support import golden

ASKED = [name for name in sql.names() if not name.startswith("views.")]
#: Read whole, and why. Views are asked with the filter that somebody gives them, or with none.
WHOLE = {
    ("inputs.prices", "silver.price"): "a price holds until the next one, and the table has no rows between the two",
    ("inputs.other_prices", "silver.price"): "the same of some types",
    ("inputs.price_changes", "silver.price"): "the same, and all that were before it",
    ("inputs.sources", "silver.price"): "the same prices, counted",
    ("inputs.unit_charges", "silver.price"): "how many vCPUs a type has, in whichever price list it stands",
    ("silver.cost_daily", "silver.charge_daily"): "a bill may charge days of any earlier month",
    ("inputs.cost_outdated", "silver.charge_daily"): "the same days, compared",
    ("inputs.cost_outdated", "silver.cost_daily"): "the same days, compared",
    ("inputs.newest_forecast", "gold.forecast"): "what a question without a date is about; no step of a run asks it",
    ("inputs.answerable_cost", "gold.cost_anomaly"): "what a person answers to may be of any run; no step of one asks it",
    ("inputs.named_anomaly", "gold.anomaly"): "what a person speaks of is what was found last; no step of a run asks it",
    ("inputs.run_of_recommendation", "gold.recommendation"): "what is explained may be of any run; no step of one asks it",
    ("inputs.answerable", "gold.recommendation"): "what a person answers to is what was said last; no step of a run asks it",
}
START, END = datetime(2026, 4, 15), datetime(2026, 4, 16)
DAYS = [(END - timedelta(days=number)).date() for number in range(-3, 400)]
BRONZE = [table for table in tables.ALL.values() if table.layer == "bronze"]


@pytest.mark.parametrize("name", ASKED)
def test_the_head_of_a_query_states_how_far_back_it_reads_each_table(name: str) -> None:
    text = sql.text(name)
    windows, read = sql.windows(text), sql.tables_behind(sql.parse(text))

    assert windows.keys() - {""} <= read
    assert {table for table in read if windows.get(table, windows.get("", None)) is None} == {
        table for query, table in WHOLE if query == name
    }
    # Bills lie by the first of their month.
    by_day = [table for table in read if table.startswith("bronze.") and not tables.get(table).by_month]
    assert not any(windows.get(table, windows.get("")) for table in by_day)


def test_how_long_a_training_counts_is_the_same_for_all_who_ask() -> None:
    names = ("champions", "newest_training", "checks", "executive_kpis")
    trained = {name: sql.windows(sql.text(f"inputs.{name}")) for name in names}

    assert {name: stated.get("gold.model_metric", stated[""]) for name, stated in trained.items()} == dict.fromkeys(trained, 400)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake of which bronze has a year and more of days, each table with rows on the day that is asked for."""
    from pipeline import settings
    from pipeline.lake import open_lake
    from pipeline.tables.columns import STAMPED

    lake = open_lake(settings.load({}, home=tmp_path_factory.mktemp("home")))
    for table in BRONZE:
        names = [c for c in table.columns if c.name not in STAMPED]
        begun = table.covering(Interval(START, END)).start
        row = {c.name: begun if c.name == table.time else golden.filler(c) for c in names}
        schema = pa.schema([table.arrow_schema.field(c.name) for c in names])
        lake.land(table, pa.Table.from_pylist([row], schema=schema), source="s", shard="x", ingested_at=END)
        for day in (day for day in DAYS if day.day == 1 or not table.by_month):
            Path(lake.storage.root, "bronze", table.short_name, f"day={day}").mkdir(exist_ok=True)
    return lake


@pytest.mark.parametrize("name", ASKED)
def test_a_query_of_a_day_lists_no_more_days_of_bronze_than_its_window_and_one(name: str, old: Lake) -> None:
    text = sql.text(name)
    asked = Interval(START, END).whole_months() if "whole months" in sql.header(name) else Interval(START, END)
    known = {
        "start": asked.start,
        "shard": 0,
        "shards": 1,
        "hours": 1,
        "at_most": 200,
        "metric": "",
        "by_resource_id": 1,
        "by_usage_type": 1,
        "metrics": "",
        "by_bill": 0,
        **dict.fromkeys(("resources", "usage_types", "items", "series"), " "),
    }
    params = dict.fromkeys(sql.parameters(sql.parse(text)), asked.end) | golden.SETTINGS | known
    behind = {table for table in sql.tables_behind(sql.parse(text)) if table.startswith("bronze.")}

    old.query(text, params)

    listed = {table: sorted(opened.days) for table, opened in old.relations.opened.items() if table.startswith("bronze.")}
    assert listed.keys() == behind
    assert all(1 <= len(days) <= 2 for days in listed.values()), listed


def test_what_lies_at_the_very_end_of_a_run_counts_for_whether_a_question_is_new(old: Lake) -> None:
    old.relations.begin(sql.text("gold.run_stat"), {"start": START - timedelta(days=1), "end": START})
    old.relations.see_all(sql.text("gold.run_stat"))

    [event] = old.relations.objects(tables.get("bronze.run_event"))
    assert f"day={START:%Y-%m-%d}" in event


def test_what_is_asked_without_a_bound_lists_every_day(old: Lake) -> None:
    old.query("SELECT count(*) AS rows FROM views.metric_point")

    assert len(old.relations.opened["bronze.metric_sample"].days) == len(DAYS)


def test_a_window_is_written_in_one_form() -> None:
    head = "-- inputs.x: y.\n--\n-- Window  {}\nSELECT 1 AS one"

    assert sql.windows(head.format("0 days, gold.forecast 181 days, silver.metric_5min 1 days, silver.price always")) == {
        "": 0,
        "gold.forecast": 181,
        "silver.metric_5min": 1,
        "silver.price": None,
    }
    assert sql.windows("SELECT 1 AS one") == {}
    with pytest.raises(ConfigError, match="got 'a week'"):
        sql.windows(head.format("0 days, a week"))
