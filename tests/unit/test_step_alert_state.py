"""The step `alert` and a route that keeps the state of alerts: a server on loopback that holds bodies to Alertmanager's API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings as settings_module
from pipeline.errors import ConfigError
from pipeline.interval import Interval
from pipeline.lake import open_lake, sql
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import alert as step
from pipeline.tables.alerts import ALERT
from tests.support.alertmanagers import check_body
from tests.support.people import Inbox, web
from tests.unit.test_step_alert import DAY, DOWN, NEXT, OK, after, drifts, hook, messages, open_alerts


@pytest.fixture(autouse=True)
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules that these tests are about, without the seconds that expectations take."""
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.model_drift", "alerts.undelivered"])
    monkeypatch.setattr(step, "validate", lambda data, *_: data)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Settings]:
    return lambda **chosen: settings_module.load({}, home=tmp_path / "home", notify_wait_s=0, **chosen)


def keeper(inbox: Inbox, **named: Any) -> dict[str, Any]:
    url = f"http://{inbox.where[0]}:{inbox.where[1]}"
    return {"notifier": "alertmanager", "options": {"url": url}, **named}


def run(settings: Settings, interval: Any = DAY, hours: float = 3) -> None:
    step.alert_at(interval, open_lake(settings), settings, after(interval, hours))


def posted(inbox: Inbox) -> list[list[tuple[str, str, str]]]:
    """Of each body: what the alerts are about, their severity, and their end."""
    return [
        [(each["labels"]["subject"], each["labels"]["severity"], each["endsAt"]) for each in check_body(one["text"])]
        for one in inbox.arrived
    ]


def test_every_run_posts_what_fires_also_what_is_no_news_and_no_message_of_it_is_queued(opened: Callable[..., Settings]) -> None:
    with web(OK) as inbox:
        settings = opened(routes={"team": keeper(inbox)})
        lake = open_lake(settings)
        for interval in (DAY, NEXT):
            drifts(lake, interval, "cpu_utilization")
            run(settings, interval)
        bodies = posted(inbox)

    segment = "segment cpu_utilization/day"
    assert bodies == [[(segment, "warning", "2026-03-18T03:00:00.000Z")], [(segment, "warning", "2026-03-19T03:00:00.000Z")]]
    assert messages(open_lake(settings)) == []


def test_an_estate_without_alerts_posts_that_and_a_backfill_posts_nothing(opened: Callable[..., Settings]) -> None:
    with web(OK) as inbox:
        settings = opened(routes={"team": keeper(inbox)})
        run(settings)
        drifts(open_lake(settings), DAY, "cpu_utilization")
        run(settings, DAY, hours=50)
        bodies = posted(inbox)

    assert bodies == [[]]
    assert open_alerts(open_lake(settings), DAY) == [("model_drift", "segment cpu_utilization/day", "firing")]


def test_runs_of_minutes_post_the_alerts_of_days_too_and_runs_of_days_only_their_own(
    opened: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.model_drift", "alerts.threshold_now"])
    five = timedelta(minutes=5)
    now = {"as_of": DAY.end - five, "alert_id": "0" * 12, "group_id": "1" * 12, "rule": "threshold_now", "subject": "1/r/i-1"}
    now |= {"cause": "cpu_utilization now", "severity": "critical", "state": "firing"}
    now |= {"since": DAY.end - five, "fired_at": DAY.end - five}
    with web(OK) as inbox:
        settings = opened(routes={"team": keeper(inbox)})
        lake = open_lake(settings)
        before = Interval(DAY.start, DAY.end - five)
        lake.replace(ALERT, conform(ALERT.frame([now]), ALERT, before), ALERT.scope(before))
        drifts(lake, DAY, "cpu_utilization")
        run(settings)
        run(settings, Interval(DAY.end, DAY.end + five), hours=0.1)
        bodies = posted(inbox)

    drift = "segment cpu_utilization/day", "warning"
    assert bodies == [
        [(*drift, "2026-03-18T03:00:00.000Z")],
        [("1/r/i-1", "critical", "2026-03-15T00:05:00.000Z"), (*drift, "2026-03-18T00:11:00.000Z")],
    ]


def test_a_route_is_posted_the_alerts_that_it_takes(opened: Callable[..., Settings]) -> None:
    with web(OK) as inbox:
        settings = opened(routes={"team": keeper(inbox, severities=["critical"])})
        drifts(open_lake(settings), DAY, "cpu_utilization")
        run(settings)
        bodies = posted(inbox)

    assert bodies == [[]]


def test_that_it_takes_nothing_is_told_by_another_route_in_the_same_run_until_it_does(opened: Callable[..., Settings]) -> None:
    with web(OK) as people, web(DOWN, DOWN, OK) as inbox:
        settings = opened(routes={"team": keeper(inbox), "mail": hook(people, rules=["undelivered"])}, notify_tries=1)
        drifts(open_lake(settings), DAY, "cpu_utilization")
        run(settings)
        [told, on_record] = messages(open_lake(settings))
        drifts(open_lake(settings), NEXT, "cpu_utilization")
        run(settings, NEXT)
        run(settings, NEXT, hours=4)
        last = messages(open_lake(settings))

    assert (told["route"], told["state"]) == ("mail", "sent")
    assert "route team delivery" in told["title"]
    assert (on_record["route"], on_record["state"], on_record["tries"]) == ("team", "given_up", 2)
    assert "503" in on_record["error"]
    assert {row["state"] for row in last} == {"sent"}
    assert last[-1]["title"].startswith("[RESOLVED] route team delivery")
    # It is told itself of everything but itself.
    assert {subject for body in posted(inbox) for subject, *_ in body} == {"segment cpu_utilization/day"}


def test_a_message_that_waits_for_a_route_which_keeps_state_now_is_not_handed_to_it(opened: Callable[..., Settings]) -> None:
    with web(DOWN) as down, web(OK) as inbox:
        settings = opened(routes={"team": hook(down)})
        drifts(open_lake(settings), DAY, "cpu_utilization")
        run(settings)
        settings = opened(routes={"team": keeper(inbox)})
        run(settings, DAY, hours=4)
        bodies = posted(inbox)

    [waits] = messages(open_lake(settings))
    assert {len(body) for body in bodies} == {1}
    assert "takes no messages any more" in waits["error"]


def test_a_number_of_messages_of_a_route_that_is_sent_none_is_refused_before_anything_is_published(
    opened: Callable[..., Settings],
) -> None:
    with web(OK) as inbox:
        settings = opened(routes={"team": keeper(inbox, weekly_messages=5)})
        with pytest.raises(ConfigError, match=r"routes\.team: weekly_messages: alertmanager is sent no messages"):
            run(settings)

    assert open_alerts(open_lake(settings), DAY) == []
