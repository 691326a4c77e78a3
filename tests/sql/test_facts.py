"""What is said once in SQL: a fact that a view states, and a view that is made from what steps read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.qualify import qualify

from pipeline import tables
from pipeline.lake import duckdb, sql
from tests.support import golden
from tools import kpi_view

EVER = {"since": datetime(1970, 1, 1), "as_of": datetime(2100, 1, 1)}


def asked(name: str, given: dict[str, pa.Table], **params: Any) -> list[list[str]]:
    """The rows of a query in an order of their own, floats to nine digits."""
    empty = {table.name: table.arrow_schema.empty_table() for table in tables.ALL.values()}
    found = duckdb.query(sql.text(name), params, lambda relation: given.get(relation, empty[relation]))
    return sorted([golden.comparable(value) for value in row.values()] for row in found.to_pylist())


def cases(name: str) -> list[Path]:
    return [case for case in golden.cases() if golden.name(case) == name]


@pytest.mark.parametrize("name", kpi_view.MADE)
def test_a_view_of_what_steps_read_is_made_from_it(name: str) -> None:
    assert sql.text(f"views.{name}") == kpi_view.make_view(name), "run `python -m tools.kpi_view`"
    assert ":as_of" not in kpi_view.make_view(name)


def test_the_parts_of_a_change_are_defined_once_for_any_two_periods() -> None:
    assert sql.text(f"views.{kpi_view.DRIVERS}") == kpi_view.make_drivers(), "run `python -m tools.kpi_view`"


@pytest.mark.parametrize("case", cases(f"views.{kpi_view.DRIVERS}"), ids=golden.title)
def test_two_months_that_follow_each_other_change_as_the_view_of_all_months_says(case: Path) -> None:
    march, april, may = (datetime(2026, month, 1) for month in (3, 4, 5))
    periods = {"before_start": march, "before_end": april, "after_start": april, "after_end": may, "as_of": may, "by_bill": 1}

    assert asked("inputs.cost_drivers", golden.given(case), **periods) == asked(golden.name(case), golden.given(case)) != []


def told_apart(name: str) -> dict[str, str]:
    query = sqlglot.parse_one(sql.text(name), dialect="athena")
    for column in query.find_all(exp.Column):
        column.set("table", None)
    named = [each for each in query.find_all(exp.Alias) if each.alias in ("category", "item") and isinstance(each.this, exp.Case)]
    return {each.alias: each.this.sql() for each in named}


def test_what_is_taken_back_of_charges_is_told_apart_as_they_are() -> None:
    found = told_apart("inputs.cost_unlearnt")

    assert found == told_apart("inputs.cost_charges")
    assert found.keys() == {"category", "item"}


def levels(name: str) -> list[str]:
    """What a rule for alerts lists as `level`: of each metric from where on it is how grave."""
    return [each.this.sql() for each in sql.parse(sql.text(name)).find_all(exp.CTE) if each.alias == "level"]


@pytest.mark.parametrize("rule", ["threshold", "service"])
def test_what_is_so_now_is_held_against_the_thresholds_of_a_day(rule: str) -> None:
    # No view could state them once: they are settings, which a view is not given.
    assert levels(f"alerts.{rule}_now") == levels(f"alerts.{rule}") != []


@pytest.mark.parametrize("case", cases("inputs.executive_kpis"), ids=golden.title)
def test_the_view_of_the_kpis_says_what_is_read_as_of_the_newest_run(case: Path) -> None:
    given = golden.given(case)
    newest = pc.max(given["gold.quality_result"]["as_of"]).as_py() if "gold.quality_result" in given else None

    found = asked("views.executive_kpis", given)

    # Nothing was ever checked: then nothing is known at any moment.
    assert found == asked("inputs.executive_kpis", given, as_of=newest or EVER["as_of"])
    assert len(found) == 16


@pytest.mark.parametrize("case", cases("inputs.capacity_next"), ids=golden.title)
def test_the_view_of_the_next_crossings_says_what_is_read_as_of_the_newest_run(case: Path) -> None:
    given = golden.given(case)
    newest = pc.max(given["gold.capacity_risk"]["as_of"]).as_py()

    assert asked("views.capacity_next", given) == asked("inputs.capacity_next", given, as_of=newest) != []


@pytest.mark.parametrize("case", cases("inputs.resources") + cases("views.resource_current"), ids=golden.title)
def test_a_current_resource_is_what_is_read_as_of_ever(case: Path) -> None:
    given = golden.given(case)

    assert asked("views.resource_current", given) == asked("inputs.resources", given, **EVER) != []


# Views over tables that have a partition for each day, whose readers state the days that they want.
BY_DAY = {"views.demand_hourly": "x_silver.metric_hourly", "views.resource_judged": "x_bronze.resource_snapshot"}


def readers() -> list[tuple[str, str]]:
    """Only what names such a view is parsed: every process that runs tests asks this."""
    return [
        (name, view)
        for name in sql.names()
        if any(view in sql.text(name) for view in BY_DAY)
        for view in sorted(BY_DAY.keys() & sql.relations(sql.parse(sql.text(name))))
        if sql.parameters(sql.parse(sql.text(name)))
    ]


@pytest.mark.parametrize(("name", "view"), readers())
def test_who_reads_a_fact_through_a_view_reads_the_days_it_asks_for_only(name: str, view: str) -> None:
    """Both bounds on the partition column come to stand beside the table, as the engines move them."""
    schema: dict[str, Any] = {}
    for table in tables.ALL.values():
        schema.setdefault(f"x_{table.layer}", {})[table.short_name] = {c.name: "varchar" for c in table.all_columns}
    values = dict.fromkeys(sql.parameters(sql.parse(sql.text(name))), 0)
    sent = sqlglot.parse_one(sql.to_athena(sql.text(name), "x", values), dialect="athena")

    query = pushdown_predicates(qualify(sent, schema=schema, dialect="athena"))

    scans = [each for each in query.find_all(exp.Table) if f"{each.db}.{each.name}" == BY_DAY[view]]
    assert scans
    for scan in scans:
        where = scan.parent_select.args["where"]
        found = {type(each) for each in where.find_all(exp.GTE, exp.LTE) if each.this.name == "day"}
        assert found == {exp.GTE, exp.LTE}, where.sql()
