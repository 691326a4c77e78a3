"""The DAGs under Airflow's own `dag.test()`, with steps that only note how they were called."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.steps import DAILY, STEPS, list_builds, order_daily

pytestmark = [pytest.mark.airflow, pytest.mark.system]
SCRIPT = Path(__file__).parent / "run_with_fake_steps.py"


DAY, RANGE = {"day": "2026-03-01"}, {"start": "2024-12-01", "end": "2026-04-15"}
FIVE = {"start": "2026-03-01T10:05", "end": "2026-03-01T10:10"}
APPROVAL = {"HEADROOM_PROMOTION_APPROVAL": "true", "HEADROOM_APPROVAL_HOURS": "5"}
BILLING = {"HEADROOM_SOURCES": "samples,billing", "HEADROOM_OPTIONS": '{"sources": {"billing": {"path": "/bills"}}}'}
BAD_BILL = {"ingest 2026-02": "DataError"}
BAD_RULES = {"build gold.cost_allocation": "ConfigError"}
LATE = {"nothing": ["bill_stated"], "wait_s": 2}
MADE_OF_BILLS = [
    *("silver.bill", "silver.charge_daily", "silver.tag_set", "silver.cost_daily"),
    *("silver.cost_restatement", "silver.invoice"),
    *("gold.cost_allocation", "gold.cost_driver", "forecast_cost", "gold.cost_forecast_score", "budgets", "cost_anomalies"),
]
RUNS: list[dict[str, Any]] = [
    {"name": "one day", "dag": "capacity_daily", "date": "2026-03-02"},
    {"name": "a range", "dag": "capacity_daily", "conf": RANGE},
    {"name": "bills", "dag": "billing_daily", "date": "2026-03-11", "environ": BILLING},
    {"name": "a late day", "dag": "billing_daily", "date": "2026-03-21", "environ": BILLING},
    {"name": "a late bill", "dag": "billing_daily", "date": "2026-03-22", "environ": BILLING, **LATE},
    {"name": "a month", "dag": "billing_daily", "conf": {"month": "2026-01"}, "environ": BILLING},
    {"name": "one bad bill", "dag": "billing_daily", "date": "2026-03-12", "environ": BILLING, "failure": BAD_BILL},
    {"name": "bad rules", "dag": "billing_daily", "date": "2026-03-14", "environ": BILLING, "failure": BAD_RULES},
    {"name": "bad rules of a day", "dag": "capacity_daily", "date": "2026-03-05", "failure": BAD_RULES},
    {"name": "no bills", "dag": "billing_daily", "date": "2026-03-13"},
    {"name": "no day", "dag": "model_training"},
    {"name": "bad data", "dag": "capacity_daily", "date": "2026-03-03", "failure": {"forecast": "DataError"}},
    {"name": "bad silver", "dag": "capacity_daily", "date": "2026-03-04", "failure": {"build": "DataError"}},
    {"name": "approved", "dag": "model_training", "conf": DAY, "environ": APPROVAL, "answer": "Approve"},
    {"name": "refused", "dag": "model_training", "conf": DAY, "environ": APPROVAL, "answer": "Reject"},
    {"name": "silence", "dag": "model_training", "conf": DAY, "environ": APPROVAL, "answer": "nothing"},
    {"name": "due", "dag": "model_training", "conf": DAY, "nothing": []},
    {"name": "not due", "dag": "model_training", "conf": DAY, "nothing": ["due"]},
    {"name": "no detectors", "dag": "model_training", "conf": DAY, "failure": {"train_detectors": "DataError"}},
    {"name": "five minutes", "dag": "monitor", "conf": FIVE, "environ": {"HEADROOM_MONITOR_SOURCES": "csv"}},
    {"name": "source down", "dag": "model_training", "conf": DAY, "failure": {"train": "SourceError"}},
]


@pytest.fixture(scope="module")
def runs(run_python: Callable[..., Any], airflow_database: dict[str, str]) -> Any:
    """What became of each of RUNS, by name; one process runs all of them, because starting it costs more than they do."""
    return run_python(SCRIPT.read_text(), json.dumps(RUNS), HEADROOM_SOURCES="samples,prices", HEADROOM_SHARDS="2")


def test_a_daily_run_performs_each_step_once_for_its_exact_day(runs: Any) -> None:
    run = runs["one day"]

    day = "[2026-03-01T00:00:00, 2026-03-02T00:00:00)"
    expected = [["ingest", source, 0, 1, day] for source in ("samples", "prices")]
    expected += [["build", table, 0, 1, day] for table in list_builds()]
    for step in set(DAILY) - {"ingest"}:
        shards = 2 if STEPS[step].sharded else 1
        expected += [[step, "", shard, shards, day] for shard in range(shards)]
    assert run["state"] == "success"
    assert sorted(run["calls"]) == sorted(expected)


def test_a_daily_run_performs_its_steps_in_the_order_that_the_command_line_has_too(runs: Any) -> None:
    called = [call[1] if call[0] == "build" else call[0] for call in runs["one day"]["calls"]]

    for name, before in order_daily().items():
        assert all(called.index(each) < called.index(name) for each in before), name


def test_a_run_of_minutes_lands_and_builds_what_came_late_too_and_asks_about_its_own(runs: Any) -> None:
    run, late = runs["five minutes"], "[2026-03-01T09:55:00, 2026-03-01T10:10:00)"

    assert run["state"] == "success"
    assert run["calls"] == [
        ["ingest", "csv", 0, 1, late],
        ["build", "silver.metric_5min", 0, 1, late],
        ["build", "silver.hour_observed", 0, 1, late],
        ["detect", "", 0, 1, late],
        ["incidents", "", 0, 1, late],
        ["alert", "", 0, 1, "[2026-03-01T10:05:00, 2026-03-01T10:10:00)"],
        ["status", "", 0, 1, "[2026-03-01T10:05:00, 2026-03-01T10:10:00)"],
    ]


def test_a_manual_run_for_a_range_of_the_past_waits_for_nothing(runs: Any) -> None:
    run = runs["a range"]
    assert run["state"] == "success"
    assert {call[-1] for call in run["calls"]} == {"[2024-12-01T00:00:00, 2026-04-15T00:00:00)"}


def test_a_triggered_run_without_a_day_fails_before_any_step_and_is_not_retried(runs: Any) -> None:
    run = runs["no day"]
    assert (run["state"], run["calls"]) == ("failed", [])
    begun = {name: run["tasks"].pop(name) for name in ("due[-1]", "settled[-1]", "tell_failure[-1]")}
    assert begun == {"due[-1]": ["failed", 1], "settled[-1]": ["success", 1], "tell_failure[-1]": ["failed", 1]}
    assert {tuple(state) for state in run["tasks"].values()} == {("upstream_failed", 0)}


def test_bad_data_stops_the_run_at_once_and_nothing_after_it_runs(runs: Any) -> None:
    run = runs["bad data"]
    assert run["state"] == "failed"
    assert [call[0] for call in run["calls"]].count("forecast") == 2  # one per shard, none twice
    assert {call[0] for call in run["calls"]}.isdisjoint({"risk", "recommend", "report"})


def test_where_a_check_of_silver_fails_that_is_published_people_are_told_and_nothing_is_forecast(runs: Any) -> None:
    run = runs["bad silver"]
    assert run["state"] == "failed"
    built = [call[1] for call in run["calls"] if call[0] == "build"]
    assert built[-1] == "gold.quality_result"
    assert {name.partition(".")[0] for name in built[:-1]} == {"silver"}
    assert {call[0] for call in run["calls"]} == {"ingest", "build", "alert"}


def test_where_rules_of_allocation_are_broken_cost_is_forecast_from_what_was_published_and_the_run_fails(runs: Any) -> None:
    bills, day = runs["bad rules"], runs["bad rules of a day"]

    assert (bills["state"], day["state"]) == ("failed", "failed")
    assert set(MADE_OF_BILLS) - set(made(bills)) == {"gold.cost_forecast_score"}
    called = {call[1] or call[0] for call in day["calls"]}
    assert {"forecast_cost", "budgets", "recommend", "savings", "alert"} <= called
    assert called.isdisjoint({"gold.cost_forecast_score", "gold.run_stat", "report"})


def landed(run: Any) -> list[str]:
    return sorted(call[5] for call in run["calls"] if call[0] == "ingest")


def made(run: Any) -> list[str]:
    return [call[1] or call[0] for call in run["calls"] if call[0] not in ("ingest", "bill_stated")]


def test_each_billing_period_that_may_still_change_is_landed_by_itself_and_what_is_made_of_bills_alone_is_made(runs: Any) -> None:
    early, late = runs["bills"], runs["a late day"]

    assert (early["state"], late["state"]) == ("success", "success")
    assert (landed(early), landed(late)) == (["2026-02", "2026-03"], ["2026-03"])
    assert sorted(made(early)) == sorted(made(late)) == sorted(MADE_OF_BILLS)
    assert {call[4] for call in early["calls"]} == {"[2026-03-10T00:00:00, 2026-03-11T00:00:00)"}
    for name, before in order_daily().items():
        assert all(made(early).index(each) < made(early).index(name) for each in before if {each, name} <= {*MADE_OF_BILLS}), name


def test_a_bill_that_is_not_stated_in_time_is_waited_for_no_longer_and_what_is_there_is_landed(runs: Any) -> None:
    run = runs["a late bill"]

    assert (run["state"], landed(run), sorted(made(run))) == ("success", ["2026-03"], sorted(MADE_OF_BILLS))
    assert [call[0] for call in run["calls"]].count("bill_stated") > 1
    assert run["tasks"]["bill_stated[0]"][0] == "skipped"


def test_a_billing_period_is_asked_for_by_its_month(runs: Any) -> None:
    run = runs["a month"]

    assert (run["state"], landed(run)) == ("success", ["2026-01"])
    assert {call[4] for call in run["calls"]} == {"[2026-01-01T00:00:00, 2026-02-01T00:00:00)"}


def test_a_bill_that_is_refused_fails_the_run_and_holds_up_no_other(runs: Any) -> None:
    run = runs["one bad bill"]

    assert run["state"] == "failed"
    assert sorted(made(run)) == sorted(MADE_OF_BILLS)
    assert run["tasks"]["tell_failure[-1]"][0] == "failed"
    assert sorted(state for task, (state, _) in run["tasks"].items() if task.startswith("ingest")) == ["failed", "success"]


def test_where_no_bill_is_exported_a_run_of_bills_does_nothing_and_is_no_failure(runs: Any) -> None:
    run = runs["no bills"]

    assert (run["state"], run["calls"]) == ("success", [])
    assert {state for task, (state, _) in run["tasks"].items() if not task.startswith("periods")} == {"skipped"}


def test_a_backfill_of_a_month_loads_its_bill_once_with_its_last_day(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']; import billing_daily\n"
        "from pipeline.interval import Interval\n"
        "days = list(Interval.days('2026-02-01', '2026-03-20').split_days())\n"
        "found = {str(day.start.date()): billing_daily.due_periods(day, 'backfill', '') for day in days}\n"
        "print(json.dumps({day: due for day, due in found.items() if due}))"
    )
    assert seen == {"2026-02-28": ["2026-02"]}


def test_the_run_of_a_monday_looks_at_older_bills_too_but_not_in_a_backfill(run_python: Callable[..., Any]) -> None:
    seen = run_python(
        "import sys, json; sys.path += ['dags', 'infra/airflow']; import billing_daily\n"
        "from pipeline.interval import Interval\n"
        "asked = [('2026-03-09', 'scheduled', ''), ('2026-03-10', 'scheduled', ''), ('2026-03-16', 'manual', ''),"
        " ('2026-03-09', 'manual', '2026-01'), ('2026-03-09', 'backfill', '')]\n"
        "print(json.dumps([billing_daily.due_periods(Interval.day(day), *rest) for day, *rest in asked]))"
    )
    assert seen == [["2026-02", "2026-03", "older"], ["2026-02", "2026-03"], ["2026-03", "older"], ["2026-01"], []]


def test_a_source_that_is_down_is_asked_three_more_times(runs: Any) -> None:
    run = runs["source down"]
    assert run["state"] == "failed"
    of_forecasters = sorted(call[:4] for call in run["calls"] if call[0] != "train_detectors")
    assert of_forecasters == [["train", "", shard, 2] for shard in (0, 1) for _ in range(4)]


def without_detectors(run: Any) -> list[str]:
    """The steps performed, but for the one that runs beside those of forecasters."""
    steps = [call[0] for call in run["calls"]]
    steps.remove("train_detectors")
    return steps


def test_an_approved_training_is_promoted(runs: Any) -> None:
    run = runs["approved"]
    assert run["state"] == "success"
    assert without_detectors(run) == ["train", "train", "register", "record", "promote"]
    assert run["waited_at_most_h"] == [5]


@pytest.mark.parametrize("answer", ["refused", "silence"])
def test_without_an_approval_nothing_is_promoted_and_the_run_is_no_failure(runs: Any, answer: str) -> None:
    run = runs[answer]
    assert run["state"] == "success"
    assert without_detectors(run) == ["train", "train", "register", "record"]
    assert (run["tasks"]["approve[-1]"][0], run["tasks"]["promote[-1]"][0]) == ("success", "skipped")


def test_a_training_that_is_due_runs_over_its_shards_and_then_once(runs: Any) -> None:
    run = runs["due"]
    assert run["state"] == "success"
    assert without_detectors(run) == ["due", "train", "train", "register", "record", "promote"]


def test_detectors_that_cannot_be_trained_fail_the_run_and_hold_no_forecaster_up(runs: Any) -> None:
    run = runs["no detectors"]
    assert run["state"] == "failed"
    assert without_detectors(run) == ["train", "train", "register", "record", "promote"]
    assert (run["tasks"]["promote[-1]"][0], run["tasks"]["tell_failure[-1]"][0]) == ("success", "failed")


def test_a_training_that_neither_schedule_nor_drift_ask_for_is_skipped(runs: Any) -> None:
    run = runs["not due"]
    assert (run["state"], [call[0] for call in run["calls"]]) == ("success", ["due"])
    assert run["tasks"].pop("due[-1]") == ["success", 1]
    assert {state for state, _ in run["tasks"].values()} == {"skipped"}
