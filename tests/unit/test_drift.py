"""When forecasts are worse than they were, and when that asks for a training."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline import tables
from pipeline.forecasting.drift import BINS, MIN_SCORED, Limits, judge, stability_index
from pipeline.inputs.drift import limits
from pipeline.interval import Interval
from pipeline.lake import Lake
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import due as due_step
from pipeline.steps.build import build
from pipeline.steps.due import due, reason
from pipeline.tables.forecasts import DRIFT, FORECAST_SCORE, MODEL_METRIC

AS_OF = datetime(2026, 4, 16)
LIMITS = Limits(pinball_ratio=1.25, coverage_90=0.8, psi=0.25, retrain_after_days=7, cooldown_days=3)
ERRORS = [10, 30, 60, 60, 90, 90, 60, 60, 30, 10]


def period(recent: bool, *, pinball: float = 0.2, covered: float = 0.9, errors: list[int] = ERRORS) -> pd.DataFrame:
    """The evidence of one segment in one period: per bin of the error, how many scores and their sums."""
    scored = pd.Series(errors)
    sums = {"scored": scored, "compared": scored, "pinball": pinball * scored, "abs_error": 0.6 * scored, "naive": 1.0 * scored}
    hits = {"hits_80": 0.8 * scored, "hits_90": covered * scored}
    return pd.DataFrame({"metric": "cost", "granularity": "day", "recent": recent, "bin": range(BINS), **sums, **hits})


def judged(recent: pd.DataFrame, before: pd.DataFrame | None = None, *, days_since_training: int | None = 5) -> dict[str, Any]:
    evidence = pd.concat([period(False) if before is None else before, recent], ignore_index=True)
    trained_at = None if days_since_training is None else AS_OF - timedelta(days=days_since_training)
    [row] = judge(evidence, trained_at, AS_OF, LIMITS)
    return row


def test_forecasts_as_good_as_before_ask_for_nothing() -> None:
    row = judged(period(True))

    assert (row["drifted"], row["retrain"], row["reason"]) == (False, False, "no drift; trained 5 days ago")
    assert (row["pinball_to_naive"], row["skill"], row["coverage_90"], row["residual_psi"]) == (0.2, 0.4, 0.9, 0.0)


@pytest.mark.parametrize(
    ("recent", "reason"),
    [
        (period(True, pinball=0.26), "pinball loss ÷ naive error rose from 0.20 to 0.26"),
        (period(True, covered=0.7), "the 90 % interval held 70%"),
        (period(True, errors=[0, 0, 0, 0, 0, 0, 100, 100, 200, 100]), "errors are distributed otherwise, PSI"),
        (period(True).assign(abs_error=lambda frame: 1.1 * frame["naive"]), "the median is 10% worse than seasonal naive"),
    ],
    ids=["loss", "coverage", "errors", "naive"],
)
def test_each_kind_of_drift_asks_for_a_training_and_is_named(recent: pd.DataFrame, reason: str) -> None:
    row = judged(recent)

    assert (row["drifted"], row["retrain"]) == (True, True)
    assert reason in row["reason"]


def test_drift_waits_until_the_last_training_has_cooled_down_and_the_schedule_does_not() -> None:
    bad = period(True, covered=0.5)

    assert judged(bad, days_since_training=2)["reason"].startswith("cooldown: trained 2 days ago; drift:")
    assert [judged(bad, days_since_training=days)["retrain"] for days in (0, 2, 3, 7)] == [False, False, True, True]
    assert [judged(period(True), days_since_training=days)["retrain"] for days in (0, 6, 7, None)] == [False, False, True, True]


def test_too_few_scores_are_not_judged_and_it_says_so() -> None:
    few = [MIN_SCORED // BINS - 1] * BINS

    row = judged(period(True, covered=0.1, errors=few))

    assert (row["drifted"], row["retrain"]) == (False, False)
    assert row["reason"].startswith("not enough scores to judge drift: 190 after 500, of 200 each")


def test_a_segment_that_was_not_scored_lately_is_not_judged() -> None:
    assert judge(period(False), None, AS_OF, LIMITS) == []


def test_equal_histograms_are_stable_and_an_empty_bin_is_not_infinitely_far() -> None:
    half = np.array([50.0, 50.0])

    assert stability_index(half, half * 7) == 0
    assert stability_index(half, np.array([100.0, 0.0])) == pytest.approx(2.63, abs=0.01)


def scores(day: int, error: float, series: int = 10) -> pd.DataFrame:
    """Scores of one day, one hour in two ahead, of series whose seasonal change is 2."""
    ts = datetime(2026, 1, 1) + timedelta(days=day)
    hours = [ts + timedelta(hours=hour) for hour in (0, 1)]
    frame = pd.DataFrame([{"series_id": f"a/r/i-{number}/cpu", "ts": hour} for number in range(series) for hour in hours])
    text = {"metric": "cpu", "unit": "percent", "granularity": "hour", "model": "ridge", "model_version": "1"}
    size = {"actual": 50.0 + error, "median": 50.0, "error": error, "abs_error": abs(error), "pinball": abs(error) / 2}
    hits = {"hit_50": abs(error) < 1, "hit_80": abs(error) < 2, "hit_90": abs(error) < 3}
    lead = (frame["ts"] - ts).dt.seconds // 3600 + 1
    return frame.assign(as_of=ts, lead=lead.astype("int64"), **text, **size, **hits, naive_abs_error=4.0, scale=2.0)


def test_what_the_ledger_says_of_the_last_four_weeks_becomes_one_row_per_segment(lake: Lake, settings: Settings) -> None:
    table, days = FORECAST_SCORE, Interval.days("2026-01-01", "2026-02-26")
    early, late = [scores(day, error=0.5) for day in range(28)], [scores(day, error=3.5) for day in range(28, 56)]
    rows = conform(pd.concat([*early, *late], ignore_index=True), table, days)
    lake.replace(table, rows, table.scope(days))
    last = Interval.day("2026-02-25")

    assert build(last, lake, settings, target="gold.drift") == 1
    content = lake.content(DRIFT)
    build(last, lake, settings, target="gold.drift")

    [row] = lake.read(DRIFT).to_pylist()
    assert lake.content(DRIFT) == content
    assert (row["as_of"], row["metric"], row["granularity"]) == (last.as_of, "cpu", "hour")
    assert (row["scored"], row["scored_before"], row["coverage_80"], row["coverage_90"]) == (560, 560, 0.0, 0.0)
    assert (row["scaled_pinball"], row["pinball_to_naive"], row["pinball_to_naive_before"]) == (0.875, 0.4375, 0.0625)
    assert (row["skill"], row["coverage_90_before"]) == (0.125, 1.0)
    assert row["residual_psi"] > 1
    assert (row["drifted"], row["retrain"], row["trained_at"]) == (True, True, None)
    assert row["reason"].startswith("never trained; drift: pinball loss ÷ naive error rose from 0.06 to 0.44")


def test_a_ledger_without_scores_gives_no_drift(lake: Lake, settings: Settings) -> None:
    assert build(Interval.day("2026-02-25"), lake, settings, target="gold.drift") == 0


def test_the_settings_say_what_drift_is(settings: Settings) -> None:
    assert limits(settings) == LIMITS


# ---------------------------------------------------------------- whether to train


def trained(lake: Lake, as_of: datetime) -> None:
    """A training as of that moment."""
    table, run = MODEL_METRIC, Interval(as_of - timedelta(days=1), as_of)
    row = {"as_of": as_of, "metric": "cpu", "granularity": "hour", "model": "ridge", "series": 1, "windows": 4}
    lake.replace(table, conform(rows_of(table, row), table, run), table.scope(run))


def drifted(lake: Lake, as_of: datetime, *, is_so: bool) -> None:
    """What `gold.drift` said at that moment."""
    table, run = DRIFT, Interval(as_of - timedelta(days=1), as_of)
    row = {"as_of": as_of, "metric": "cpu", "granularity": "hour", "scored": 500, "scored_before": 500, "drifted": is_so}
    row |= {"retrain": is_so, "reason": "told"}
    lake.replace(table, conform(rows_of(table, row), table, run), table.scope(run))


def rows_of(table: tables.Table, row: dict[str, Any]) -> pa.Table:
    """One row whose other columns are null."""
    schema = pa.schema([field for field in table.arrow_schema if field.name != table.partition])
    return pa.Table.from_pylist([row], schema=schema)


def asked(lake: Lake, settings: Settings, as_of: datetime = AS_OF) -> tuple[bool, str]:
    return reason(Interval(as_of - timedelta(days=1), as_of), lake, settings)


def test_what_was_never_trained_is_due_and_what_was_trained_a_week_ago_is_due_again(lake: Lake, settings: Settings) -> None:
    assert asked(lake, settings) == (True, "never trained; no drift known")

    trained(lake, AS_OF - timedelta(days=6))
    assert asked(lake, settings) == (False, "no drift known; trained 6 days ago")
    assert asked(lake, settings, AS_OF + timedelta(days=1)) == (True, "schedule: trained 7 days ago; no drift known")


def test_the_newest_word_on_drift_asks_for_a_training_after_the_cooldown(lake: Lake, settings: Settings) -> None:
    trained(lake, AS_OF - timedelta(days=3))
    drifted(lake, AS_OF - timedelta(days=1), is_so=True)

    assert asked(lake, settings) == (True, "drift: cpu by hour; trained 3 days ago")
    assert asked(lake, settings, AS_OF - timedelta(days=1)) == (False, "cooldown: trained 2 days ago; drift: cpu by hour")
    drifted(lake, AS_OF, is_so=False)
    assert asked(lake, settings) == (False, "no drift known; trained 3 days ago")


def test_options_other_than_those_of_the_last_training_ask_for_one_at_once(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(lake, AS_OF - timedelta(days=1))
    given = {"prophet": {"n_changepoints": 5}, "ridge": {}}
    monkeypatch.setattr(due_step, "read_options", lambda *_: given)
    same = settings.model_copy(update={"options": {"forecasters": {"prophet": {"n_changepoints": 5}}}})

    assert asked(lake, same) == (False, "no drift known; trained 1 days ago")
    assert asked(lake, settings) == (True, "other options of prophet: trained 1 days ago; no drift known")


def test_where_the_registry_cannot_say_with_which_options_was_trained_schedule_and_drift_decide(
    lake: Lake, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    trained(lake, AS_OF - timedelta(days=1))

    assert asked(lake, settings.model_copy(update={"options": {"forecasters": {"prophet": {"n_changepoints": 5}}}}))[0] is False
    assert "is not known: the registry" in caplog.text


@pytest.mark.parametrize("age", [None, 1, 2, 3, 6, 7])
@pytest.mark.parametrize("covered", [0.9, 0.5])
def test_what_drift_publishes_of_a_training_is_what_the_step_answers_on_that_day(
    lake: Lake, settings: Settings, age: int | None, covered: float
) -> None:
    if age is not None:
        trained(lake, AS_OF - timedelta(days=age))
    row = judged(period(True, covered=covered), days_since_training=age)
    run = Interval(AS_OF - timedelta(days=1), AS_OF)
    lake.replace(DRIFT, conform(rows_of(DRIFT, row), DRIFT, run), DRIFT.scope(run))

    assert asked(lake, settings)[0] is row["retrain"]


@pytest.mark.parametrize(("told_days_ago", "due_now"), [(None, False), (1, True), (7, True), (8, False)])
def test_without_a_word_on_drift_of_today_the_last_one_of_the_week_counts(
    lake: Lake, settings: Settings, told_days_ago: int | None, due_now: bool
) -> None:
    trained(lake, AS_OF - timedelta(days=4))
    if told_days_ago is not None:
        drifted(lake, AS_OF - timedelta(days=told_days_ago), is_so=True)

    assert asked(lake, settings)[0] is due_now


def test_the_step_says_yes_or_no_and_its_log_says_why(lake: Lake, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    day = Interval(AS_OF - timedelta(days=1), AS_OF)
    with caplog.at_level("INFO", "pipeline.steps.due"):
        assert due(day, lake, settings) == 1
        trained(lake, AS_OF - timedelta(days=1))
        assert due(day, lake, settings) == 0
    assert [
        record.getMessage() for record in caplog.records if record.levelname == "INFO" and "training as of" in record.message
    ] == [
        "training as of 2026-04-16 00:00:00 is due: never trained; no drift known",
        "training as of 2026-04-16 00:00:00 is not due: no drift known; trained 1 days ago",
    ]
