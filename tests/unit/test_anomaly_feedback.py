"""What people say of anomalies, and what later runs make of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError
from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps.build import build
from pipeline.steps.detect import detect
from pipeline.steps.incidents import incidents
from tests.support.kept import Kept
from tests.unit.test_step_detect import DAYS, START, WHOLE, daily_wave, land

NEXT = Interval(WHOLE.end, WHOLE.end + timedelta(days=1))


@pytest.fixture
def spiked(kept: Kept) -> Settings:
    """A lake whose newest run, as of 15 March, knows one incident of the day before."""
    return kept.restore(spike)


def spike(settings: Settings) -> Settings:
    lake = open_lake(settings)
    values = daily_wave(30.0, 10.0)
    values[24 * DAYS - 10 : 24 * DAYS - 5] = [95.0] * 5
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    detect(WHOLE, lake, settings)
    assert incidents(WHOLE, lake, settings) == 1
    return settings


def say(settings: Settings, *arguments: str) -> str:
    environment = {"HEADROOM_HOME": str(settings.home), "USER": "ana"}
    done = CliRunner().invoke(app, ["anomaly", *arguments], env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def known(settings: Settings, interval: Interval) -> dict[str, Any]:
    """The incident as the run of an interval publishes it again."""
    lake = open_lake(settings)
    incidents(interval, lake, settings)
    [row] = lake.query(
        "SELECT anomaly_id, answer, answer_reason, label FROM gold.anomaly WHERE as_of = :as_of", {"as_of": interval.as_of}
    ).to_pylist()
    return row


def shown(settings: Settings, interval: Interval) -> int:
    return ask(open_lake(settings), "gravest_incidents", as_of=interval.as_of).num_rows


def test_what_is_dismissed_is_told_no_more_from_the_answered_run_on_and_stays_in_the_table(spiked: Settings) -> None:
    anomaly_id = known(spiked, WHOLE)["anomaly_id"]
    assert shown(spiked, WHOLE) == 1

    said = say(spiked, "dismiss", anomaly_id, "--reason", "a load test")

    assert "cpu_utilization of i-1 since 2026-03-14 14:00 is dismissed" in said
    for interval in (WHOLE, NEXT):
        row = known(spiked, interval)
        assert row == {"anomaly_id": anomaly_id, "answer": "dismissed", "answer_reason": "a load test", "label": None}
        assert shown(spiked, interval) == 0
    [event] = open_lake(spiked).query("SELECT actor, verb, reason FROM bronze.feedback_event").to_pylist()
    assert event == {"actor": "ana", "verb": "dismissed", "reason": "a load test"}


def test_what_is_dismissed_until_a_day_is_told_again_from_that_day_on(spiked: Settings) -> None:
    say(spiked, "dismiss", known(spiked, WHOLE)["anomaly_id"], "--reason", "a test", "--until", f"{NEXT.end:%Y-%m-%d}")

    assert (known(spiked, WHOLE)["answer"], known(spiked, NEXT)["answer"]) == ("dismissed", None)
    assert (shown(spiked, WHOLE), shown(spiked, NEXT)) == (0, 1)


def test_what_was_planned_is_told_no_more_and_is_no_label(spiked: Settings) -> None:
    say(spiked, "planned", known(spiked, WHOLE)["anomaly_id"], "--reason", "a load test", "--until", f"{NEXT.end:%Y-%m-%d}")

    row = known(spiked, WHOLE)
    assert (row["answer"], row["answer_reason"], row["label"]) == ("planned", "a load test", None)
    assert known(spiked, NEXT)["answer"] is None
    assert (shown(spiked, WHOLE), shown(spiked, NEXT)) == (0, 1)


def test_what_is_acknowledged_stays_in_sight_and_the_newest_answer_counts(spiked: Settings) -> None:
    anomaly_id = known(spiked, WHOLE)["anomaly_id"]
    say(spiked, "dismiss", anomaly_id, "--reason", "by mistake")
    say(spiked, "acknowledge", anomaly_id, "--reason", "on it")

    assert known(spiked, NEXT)["answer"] == "acknowledged"
    assert shown(spiked, NEXT) == 1


def test_a_label_stands_beside_an_answer_and_counts_for_the_detectors_that_flagged_it(spiked: Settings) -> None:
    anomaly_id = known(spiked, WHOLE)["anomaly_id"]
    say(spiked, "acknowledge", anomaly_id, "--reason", "on it")
    say(spiked, "label", anomaly_id, "confirmed", "--reason", "the disk was full")

    row = known(spiked, NEXT)

    assert (row["answer"], row["label"]) == ("acknowledged", "confirmed")
    [counted] = open_lake(spiked).query("SELECT * FROM views.detector_feedback").to_pylist()
    said = {"detector": "default", "labelled": 1, "confirmed": 1, "refuted": 0, "precision": 1.0}
    assert counted == said | {"stated": 1, "mean_confidence": None, "stated_precision": None}


def test_what_is_refuted_is_told_no_more(spiked: Settings) -> None:
    say(spiked, "label", known(spiked, WHOLE)["anomaly_id"], "refuted", "--reason", "as it should be")

    assert known(spiked, WHOLE)["label"] == "refuted"
    assert shown(spiked, WHOLE) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("acknowledge", "0123456789abcdef", "--reason", "x"), "knows no anomaly '0123456789abcdef'"),
        (("dismiss", "ID", "--reason", " "), "--reason is empty"),
        (("dismiss", "ID", "--reason", "x", "--until", "May"), "'May' is no day"),
        (("dismiss", "ID", "--reason", "x", "--until", f"{START:%Y-%m-%d}"), "not after the newest run"),
        (("label", "ID", "perhaps", "--reason", "x"), "'perhaps' is none; expected confirmed or refuted"),
    ],
)
def test_what_cannot_be_meant_is_refused(spiked: Settings, arguments: tuple[str, ...], complaint: str) -> None:
    anomaly_id = known(spiked, WHOLE)["anomaly_id"]

    with pytest.raises(ConfigError, match=complaint):
        say(spiked, *(anomaly_id if word == "ID" else word for word in arguments))


def test_a_run_as_of_the_first_of_a_month_respects_what_is_said_of_it(settings: Settings, lake: Lake) -> None:
    values = daily_wave(30.0, 10.0)
    values[24 * DAYS - 10 : 24 * DAYS - 5] = [95.0] * 5
    land(lake, "i-1", values)
    build(WHOLE, lake, settings, target="silver.metric_hourly")
    detect(WHOLE, lake, settings)
    month = Interval(datetime(2026, 3, 1), datetime(2026, 4, 1))
    anomaly_id = known(settings, month)["anomaly_id"]

    say(settings, "dismiss", anomaly_id, "--reason", "a test")

    assert known(settings, month)["answer"] == "dismissed"
