"""Which data interval a DAG run stands for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.interval import Interval

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 20, 8, 30, tzinfo=UTC)


@pytest.fixture
def interval_of(dag_files: dict[str, ModuleType]) -> Callable[..., Interval]:
    return partial(dag_files["common"].interval_of, run_after=NOW)


NOTHING_ASKED: dict[str, Any] = {"day": None, "start": None, "end": None}


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual"])
def test_a_run_stands_for_the_data_interval_that_airflow_gave_it(run_type: str, interval_of: Callable[..., Interval]) -> None:
    assert interval_of(run_type, NOTHING_ASKED, MIDNIGHT, MIDNIGHT + timedelta(days=1)) == Interval.day("2026-03-01")


def test_a_run_at_six_in_the_morning_of_a_dag_of_days_stands_for_the_day_that_was_over(
    interval_of: Callable[..., Interval],
) -> None:
    six = MIDNIGHT + timedelta(hours=6)
    assert interval_of("scheduled", NOTHING_ASKED, six, six + timedelta(days=1)) == Interval.day("2026-03-01")
    times = {"start": None, "end": None}
    assert interval_of("scheduled", times, six, six + timedelta(minutes=5), params=times).start == six.replace(tzinfo=None)


def test_a_data_interval_in_another_zone_becomes_naive_utc(interval_of: Callable[..., Interval]) -> None:
    start = MIDNIGHT.astimezone(timezone(timedelta(hours=9)))
    assert interval_of("scheduled", {}, start, start + timedelta(days=1)) == Interval.day("2026-03-01")


def test_a_manual_run_may_ask_for_one_day(interval_of: Callable[..., Interval]) -> None:
    assert interval_of("manual", {**NOTHING_ASKED, "day": "2026-02-03"}, None, None) == Interval.day("2026-02-03")


def test_a_manual_run_may_ask_for_a_range_and_it_outweighs_the_logical_date(interval_of: Callable[..., Interval]) -> None:
    asked = {"day": None, "start": "2024-12-01", "end": "2026-04-15"}
    found = interval_of("manual", asked, MIDNIGHT, MIDNIGHT + timedelta(days=1))
    assert found == Interval.days("2024-12-01", "2026-04-15")


def test_a_manual_run_may_ask_for_one_month(interval_of: Callable[..., Interval]) -> None:
    assert interval_of("manual", {"month": "2026-02"}, None, None) == Interval.days("2026-02-01", "2026-03-01")


@pytest.mark.parametrize(
    ("run_type", "asked", "names"),
    [
        ("manual", {}, "no data interval"),
        ("asset_triggered", NOTHING_ASKED, "no data interval"),
        ("manual", {"from": "2026-03-01"}, r"unknown key \['from'\]"),
        ("manual", {"start": "2026-03-01"}, "give either day, or start and end"),
        ("manual", {"day": "2026-03-01", "start": "2026-03-01", "end": "2026-03-02"}, "give either day"),
        ("manual", {"month": "2026-13"}, "expected a month as YYYY-MM, got '2026-13'"),
        ("manual", {"day": "1.3.2026"}, "expected a day as YYYY-MM-DD, got '1.3.2026'"),
        ("manual", {"start": "2026-03-02", "end": "2026-03-01"}, "start must lie before end"),
        (
            "manual",
            {"start": "2026-03-01T10:05", "end": "2026-03-02"},
            "works on whole UTC days, got .*; the DAG monitor takes times",
        ),
        ("manual", {"start": "2001-03-02", "end": "2026-03-01"}, "longer than the 1830 days"),
    ],
)
def test_a_run_without_a_clear_interval_is_refused_with_what_was_found(
    run_type: str, asked: dict[str, Any], names: str, interval_of: Callable[..., Interval]
) -> None:
    with pytest.raises(ConfigError, match=names):
        interval_of(run_type, asked, None, None)


@pytest.mark.parametrize("run_type", ["scheduled", "backfill"])
def test_a_backfill_cannot_be_sent_to_one_day_by_its_conf(run_type: str, interval_of: Callable[..., Interval]) -> None:
    with pytest.raises(ConfigError, match="has its own data interval"):
        interval_of(run_type, {"day": "2026-02-03"}, MIDNIGHT, MIDNIGHT + timedelta(days=1))


def test_a_month_that_goes_on_is_asked_for_to_the_last_day_that_is_over(interval_of: Callable[..., Interval]) -> None:
    assert interval_of("manual", {"month": "2026-04"}, None, None) == Interval.days("2026-04-01", "2026-04-20")
    elsewhere = datetime(2026, 4, 20, 3, tzinfo=timezone(timedelta(hours=9)))  # still the 19th in UTC
    assert interval_of("manual", {"month": "2026-04"}, None, None, run_after=elsewhere).end == datetime(2026, 4, 19)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"month": "2026-05"}, "2026-05-01"),
        ({"day": "2026-04-20"}, "2026-04-20"),
        ({"day": "2026-05-01"}, "2026-05-01"),
        ({"start": "2026-04-01", "end": "2026-04-21"}, "2026-04-01"),
    ],
)
def test_a_day_that_is_not_over_is_refused_for_gold_as_of_a_day_ahead_would_hide_later_runs(
    asked: dict[str, Any], found: str, interval_of: Callable[..., Interval]
) -> None:
    with pytest.raises(ConfigError, match=rf"\[{found}.* is not over at 2026-04-20 08:30 UTC.*expected days before 2026-04-20"):
        interval_of("manual", asked, None, None)


def test_a_dag_that_takes_no_day_takes_times(interval_of: Callable[..., Interval], dag_files: dict[str, ModuleType]) -> None:
    params = dag_files["common"].MOMENT_PARAMS
    asked = {"start": "2026-03-01T10:05", "end": "2026-03-01T10:10"}

    assert interval_of("manual", asked, None, None, params=params) == Interval.between(asked["start"], asked["end"])
    with pytest.raises(ConfigError, match=r"unknown key \['day'\]"):
        interval_of("manual", {"day": "2026-03-01"}, None, None, params=params)
    with pytest.raises(ConfigError, match="give start and end"):
        interval_of("manual", {"start": "2026-03-01"}, None, None, params=params)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01", "2026-03-02"),  # what is asked of whole days, and may resolve all that fires, is capacity_daily's
        ("2026-03-01T23:50", "2026-03-02T00:05"),
        ("2026-03-01T10:05", "2026-03-01T10:10"),
        ("2026-03-01T10:00", "2026-03-01T10:25"),
    ],
)
def test_of_a_dag_that_takes_times_only_periods_of_one_day_are_asked(
    start: str,
    end: str,
    interval_of: Callable[..., Interval],
    dag_files: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADROOM_MONITOR_PERIOD_S", "600")
    ask = partial(interval_of, "manual", params=dag_files["common"].MOMENT_PARAMS, dag_id="monitor")

    with pytest.raises(ConfigError, match=rf"monitor works on periods of 600 s .* of one UTC day, got \[{start[:10]}"):
        ask({"start": start, "end": end}, None, None)
    asked = {"start": "2026-03-01T23:40", "end": "2026-03-02T00:00"}
    assert ask(asked, None, None) == Interval.between(asked["start"], asked["end"])


def test_times_that_are_not_over_are_refused_with_the_moment_that_they_may_go_to(
    interval_of: Callable[..., Interval], dag_files: dict[str, ModuleType]
) -> None:
    asked = {"start": "2026-04-20T08:00", "end": "2026-04-20T08:35"}

    with pytest.raises(ConfigError, match=r"is not over at 2026-04-20 08:30 UTC.*expected an end up to 2026-04-20 08:30$"):
        interval_of("manual", asked, None, None, params=dag_files["common"].MOMENT_PARAMS)
