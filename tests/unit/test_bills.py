"""Which exports of a bill count, and when a bill is final."""

from __future__ import annotations

import os
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pipeline import settings as settings_module
from pipeline.cli.options import read_actor
from pipeline.errors import ConfigError, DataError
from pipeline.inputs.bills import check_closed, is_closed, name_counting, supersede


def load(export: str, sequence: int, format: str = "focus_1_0") -> dict[str, Any]:
    known = {"export": export, "sequence": sequence, "format": format}
    return known | {"ingested_at": datetime(2026, 4, 1), "load_id": export}


def superseded(loads: list[dict[str, Any]], *overlaps: str) -> dict[str, str | None]:
    supersede(loads, {frozenset(pair) for pair in overlaps})
    return {load["export"]: load["superseded_by"] for load in loads}


def test_an_export_that_does_not_count_takes_nobodys_place() -> None:
    assert superseded([load("a", 1), load("b", 2), load("c", 3)], "ab", "bc") == {"a": None, "b": "c", "c": None}


def test_of_exports_with_a_common_charge_the_newer_format_counts_and_of_one_format_the_later() -> None:
    loads = [load("a", 1, "focus_1_2"), load("b", 2), load("c", 3), load("d", 4)]
    assert superseded(loads, "ab", "ac", "bc") == {"a": None, "b": "a", "c": "a", "d": None}


def test_an_export_that_is_named_counts_alone_whatever_its_format_and_what_the_others_charge() -> None:
    loads = [load("a", 1, "focus_1_2"), load("b", 2), load("d", 4)]

    supersede(loads, {frozenset("ab")}, "b")
    assert {each["export"]: each["superseded_by"] for each in loads} == {"a": "b", "b": None, "d": "b"}

    supersede(loads, {frozenset("ab")}, "gone")
    assert {each["export"]: each["superseded_by"] for each in loads} == {"a": None, "b": "a", "d": None}


@pytest.mark.parametrize(("period", "payer", "export"), [(3, "9", "march"), (4, "9", "any"), (4, "8", ""), (5, "7", "all")])
def test_a_setting_names_the_export_by_provider_payer_and_period_the_first_that_fits(
    period: int, payer: str, export: str
) -> None:
    stated = "AWS/9/2026-03=march,AWS/9/*=any,*/7/*=all"
    settings = settings_module.load({"HEADROOM_COUNTING_EXPORTS": stated})

    assert name_counting(("billing", datetime(2026, period, 1), "AWS", payer), settings) == export


@pytest.mark.parametrize("stated", ["cur", "AWS/9=cur", "AWS/9/March=cur", "AWS/9/2026-03="])
def test_a_named_export_without_its_bill_is_refused(stated: str) -> None:
    with pytest.raises(ConfigError, match="counting_exports"):
        settings_module.load({"HEADROOM_COUNTING_EXPORTS": stated})


@pytest.mark.parametrize(
    ("ingested_at", "uninvoiced", "closed"),
    [
        (datetime(2026, 3, 1, 12), 0, False),
        (datetime(2026, 4, 1), 0, True),
        (datetime(2026, 4, 14), 1, False),
        (datetime(2026, 4, 15), 1, True),
    ],
)
def test_a_bill_is_final_after_its_month_when_it_is_invoiced_or_two_weeks_are_over(
    ingested_at: datetime, uninvoiced: int, closed: bool
) -> None:
    bill = {"billing_period": datetime(2026, 3, 1), "ingested_at": ingested_at, "uninvoiced_lines": uninvoiced}
    assert is_closed(bill) is closed


def bill(payer: str, billed: int, execution: str) -> dict[str, Any]:
    """Of March, final."""
    said = {"source": "billing", "export": "e", "billing_period": datetime(2026, 3, 1), "provider": "AWS", "payer": payer}
    cost = {"billed_cost": Decimal(billed), "effective_cost": None}
    known = {"execution": execution, "superseded_by": None, "uninvoiced_lines": 0, "said_closed_at": None}
    return said | cost | load("e", 1) | known


def test_all_bills_that_are_held_are_named_and_one_that_says_nothing_of_a_payer_is_released_by_its_own_name() -> None:
    before = [bill("8", 100, "x1"), bill("9", 100, "x1")]
    now = [bill("9", 200, "x2")]

    with pytest.raises(DataError) as held:
        check_closed(before, now, 0.05)

    first, second = str(held.value).split("\n")
    assert "of payer 8: billed_cost of a closed period moved from 100.00 to 0.00" in first
    assert "of payer 9: billed_cost of a closed period moved from 100.00 to 200.00" in second
    assert all("`python -m pipeline billing accept e 2026-03 x2 --reason …`" in each for each in (first, second))
    check_closed(before, now, 0.05, {"e 2026-03 x2"})
    with pytest.raises(DataError):
        check_closed(before, now, 0.05, {"e 2026-03 x1"})


def test_what_is_landed_after_the_word_that_the_period_is_closed_is_held_and_what_came_before_it_is_not() -> None:
    before = [bill("9", 100, "x1") | {"uninvoiced_lines": 1}]
    word = {"said_closed_at": datetime(2026, 4, 3, 6), "uninvoiced_lines": 1}
    last, later = (bill("9", 200, "x2") | word | {"ingested_at": datetime(2026, 4, day, 5, 59)} for day in (3, 4))

    check_closed(before, [last], 0.05)
    with pytest.raises(DataError, match=r"billed_cost of a closed period moved from 100\.00 to 200\.00"):
        check_closed(before, [later], 0.05)
    check_closed(before, [later | {"said_closed_at": None}], 0.05)


def test_a_bill_is_released_by_somebody_who_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # As in a container under an account that its system does not list.
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    with pytest.raises(ConfigError, match="say in the variable USER who says it"):
        read_actor()

    monkeypatch.setenv("USER", "ana")
    assert read_actor() == "ana"
