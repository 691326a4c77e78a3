"""Where a recommendation stands, and what an answer of a person changes in the runs after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline.advice.life_cycle import stand
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.settings import Settings
from pipeline.steps import perform
from pipeline.steps import recommend as step
from tests.support.kept import Kept
from tests.unit.test_step_recommend import DAY, quiet_estate

NEXT = Interval(DAY.end, DAY.end + timedelta(days=1))
LATER = Interval(DAY.end + timedelta(days=9), DAY.end + timedelta(days=10))


@pytest.fixture(autouse=True)
def _the_same_quiet_instance_every_day(monkeypatch: pytest.MonkeyPatch) -> None:
    def estate(interval: Interval, *_: Any) -> Any:
        given, since = quiet_estate(), interval.as_of - DAY.as_of
        dated = given.resources.assign(ts=given.resources["ts"] + since)
        usage = given.usage.assign(hour=given.usage["hour"] + since)
        return type(given)(interval.as_of, 14, dated, usage, given.prices, given.risk)

    monkeypatch.setattr(step, "read_estate", estate)


@pytest.fixture
def asked(kept: Kept) -> Settings:
    return kept.restore(recommend)


def recommend(settings: Settings) -> Settings:
    only = settings.model_copy(update={"recommenders": ("idle",)})
    run(only, DAY)
    return only


def run(settings: Settings, interval: Interval) -> Lake:
    perform("recommend", interval, settings=settings)
    perform("build", interval, target="gold.recommendation_status", settings=settings)
    return open_lake(settings)


def answer(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(
        cli.app, ["recommendation", *arguments], env={"HEADROOM_HOME": str(settings.home)}, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def idle_id(lake: Lake) -> str:
    [row] = lake.query("SELECT recommendation_id FROM gold.recommendation WHERE action = 'stop' LIMIT 1").to_pylist()
    return str(row["recommendation_id"])


def status(lake: Lake, interval: Interval) -> list[dict[str, Any]]:
    asked = "SELECT status, answer_reason, times_seen, first_seen_at FROM gold.recommendation_status WHERE as_of = :as_of"
    rows: list[dict[str, Any]] = lake.query(asked, {"as_of": interval.as_of}).to_pylist()
    return rows


def shown(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = lake.query("SELECT status, portfolio_rank FROM views.recommendation_current").to_pylist()
    return rows


def test_what_is_seen_for_the_first_time_is_new_and_from_the_second_run_on_open(asked: Settings) -> None:
    assert status(open_lake(asked), DAY) == [
        {"status": "new", "answer_reason": None, "times_seen": 1, "first_seen_at": DAY.as_of}
    ]

    lake = run(asked, NEXT)

    assert status(lake, NEXT) == [{"status": "open", "answer_reason": None, "times_seen": 2, "first_seen_at": DAY.as_of}]
    assert shown(lake) == [{"status": "open", "portfolio_rank": 1}]


def test_what_is_dismissed_is_neither_shown_nor_counted_from_the_answered_run_on(asked: Settings) -> None:
    said = answer(asked, "dismiss", idle_id(open_lake(asked)), "--reason", "a standby")

    assert "idle: stop i-1 is dismissed" in said
    for interval in (DAY, NEXT):
        lake = run(asked, interval)
        assert shown(lake) == []
        assert [(row["status"], row["answer_reason"]) for row in status(lake, interval)] == [("dismissed", "a standby")]
        [row] = lake.query(
            "SELECT portfolio_rank, portfolio_savings_usd FROM gold.recommendation WHERE as_of = :as_of",
            {"as_of": interval.as_of},
        ).to_pylist()
        assert row == {"portfolio_rank": None, "portfolio_savings_usd": 0.0}


def test_what_is_snoozed_comes_back_on_its_day(asked: Settings) -> None:
    answer(asked, "snooze", idle_id(open_lake(asked)), "--reason", "after the release", "--until", f"{LATER.as_of:%Y-%m-%d}")

    assert shown(run(asked, NEXT)) == []
    assert shown(run(asked, LATER)) == [{"status": "open", "portfolio_rank": 1}]


def test_what_is_accepted_stays_in_sight_and_the_newest_answer_counts(asked: Settings) -> None:
    recommended = idle_id(open_lake(asked))
    answer(asked, "dismiss", recommended, "--reason", "by mistake")
    said = answer(asked, "accept", recommended, "--reason", "on Friday")

    assert "idle, not followed before" in " ".join(said.split())
    assert shown(run(asked, NEXT)) == [{"status": "accepted", "portfolio_rank": 1}]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("accept", "0123456789abcdef", "--reason", "x"), "recommends nothing under '0123456789abcdef'"),
        (("dismiss", "ID", "--reason", " "), "--reason is empty"),
        (("snooze", "ID", "--reason", "x", "--until", "May"), "'May' is no day"),
        (("snooze", "ID", "--reason", "x", "--until", "2026-03-01"), "not after the newest run"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_refused(asked: Settings, arguments: tuple[str, ...], complaint: str) -> None:
    recommended = idle_id(open_lake(asked))

    with pytest.raises(ConfigError, match=complaint):
        answer(asked, *(recommended if word == "ID" else word for word in arguments))


def test_nothing_to_do_has_no_status() -> None:
    rows = pd.DataFrame([{"recommendation_id": "a", "action": "keep", "as_of": datetime(2026, 3, 15)}])
    answers = pd.DataFrame([{"recommendation_id": "a", "answer": "dismissed", "reason": "x", "until": pd.NaT}])
    before = pd.DataFrame([{"recommendation_id": "a", "first_seen_at": datetime(2026, 3, 1)}])

    [row] = stand(rows, answers, before).to_dict("records")

    assert row["status"] is None
    assert row["answer_reason"] is None
    assert pd.isna(row["first_seen_at"])
