"""The step `alert` against a real Alertmanager: what it takes, what it tells nobody of, and when it takes it for over.

Debian's package `prometheus-alertmanager` brings the program; without it these tests are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from pipeline import settings as settings_module
from pipeline.inputs import ask
from pipeline.interval import Interval
from pipeline.lake import open_lake, sql
from pipeline.settings import Settings
from pipeline.steps import alert as step
from pipeline.steps._deliver import Clock
from tests.support.alertmanagers import PROGRAM, alertmanager_at
from tests.support.people import Inbox, web
from tests.unit.test_step_alert import OK, drifts, hook

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(PROGRAM is None, reason="not installed: apt-get install prometheus-alertmanager"),
]
INHIBIT = """
inhibit_rules:
- source_matchers: [severity = warning, subject = "segment memory_utilization/day"]
  target_matchers: [severity = warning, subject = "segment cpu_utilization/day"]
  equal: [job]
"""
CPU, MEMORY = (f"segment {metric}/day" for metric in ("cpu_utilization", "memory_utilization"))


@pytest.fixture(autouse=True)
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules that these tests are about, without the seconds that expectations take."""
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.model_drift", "alerts.undelivered"])
    monkeypatch.setattr(step, "validate", lambda data, *_: data)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Settings]:
    def open_with(url: str, people: Inbox) -> Settings:
        routes = {"team": {"notifier": "alertmanager", "options": {"url": url}}, "mail": hook(people)}
        # Days past are made as of now, by the clock of the other side, which lets go of what ended before.
        return settings_module.load({}, home=tmp_path / "home", notify_wait_s=0, notify_within_hours=120, routes=routes)

    return open_with


def midnight(days_ago: int) -> Interval:
    """A day that has ended: the other side has a clock of its own, which says what is over."""
    today = datetime.now(UTC).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    return Interval(today - timedelta(days=days_ago + 1), today - timedelta(days=days_ago))


def run(settings: Settings, interval: Interval, *metrics: str) -> dict[str, tuple[str, str | None]]:
    """A run that finds these metrics; how the lake's open alerts stand after it, by subject."""
    drifts(open_lake(settings), interval, *metrics)
    step.alert_at(interval, open_lake(settings), settings, Clock(sleep=lambda _: None))
    rows = ask(open_lake(settings), "open_alerts", as_of=interval.as_of).to_pylist()
    return {row["subject"]: (row["state"], row["suppressed_by"]) for row in rows}


def held(url: str) -> dict[str, dict[str, Any]]:
    """The alerts that Alertmanager has and that are not over, by subject."""
    return {each["labels"]["subject"]: each for each in json.loads(urllib3.request("GET", f"{url}/api/v2/alerts").data)}


def silence(url: str, subject: str) -> str:
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": "subject", "value": subject, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "a test",
        "comment": "known",
    }
    found: str = json.loads(urllib3.request("POST", f"{url}/api/v2/silences", json=body).data)["silenceID"]
    return found


def test_it_holds_what_fires_with_its_words_and_lets_go_what_is_over(opened: Callable[..., Settings], tmp_path: Path) -> None:
    with web(OK) as people, alertmanager_at(tmp_path) as url:
        settings = opened(url, people)
        run(settings, midnight(1), "cpu_utilization", "memory_utilization")
        first = held(url)
        run(settings, midnight(0), "memory_utilization")
        second = held(url)

    assert set(first) == {CPU, MEMORY}
    alert = first[CPU]
    assert alert["labels"] == {
        "alertname": "model_drift",
        "job": "headroom",
        "severity": "warning",
        "subject": CPU,
        "cause": "forecast",
    }
    assert alert["annotations"]["summary"] == "forecasts of a metric got worse"
    assert alert["annotations"]["action"]
    in_three_days = datetime.now(UTC) + timedelta(days=3)
    assert timedelta(0) <= in_three_days - datetime.fromisoformat(alert["endsAt"]) < timedelta(minutes=5)
    assert alert["generatorURL"].startswith("file:///")
    assert set(second) == {MEMORY}
    assert second[MEMORY]["startsAt"] == first[MEMORY]["startsAt"]


def test_what_a_person_silences_there_is_suppressed_here_and_told_by_no_route_until_the_silence_is_over(
    opened: Callable[..., Settings], tmp_path: Path
) -> None:
    with web(OK) as people, alertmanager_at(tmp_path) as url:
        settings = opened(url, people)
        before = run(settings, midnight(2), "cpu_utilization")
        told = len(people.arrived)
        name = silence(url, CPU)
        during = run(settings, midnight(1), "cpu_utilization")
        told_during = len(people.arrived)
        in_between = held(url)
        urllib3.request("DELETE", f"{url}/api/v2/silence/{name}")
        afterwards = run(settings, midnight(0), "cpu_utilization")
        told_afterwards = len(people.arrived)

    assert before == {CPU: ("firing", None)}
    assert during == {CPU: ("suppressed", f"silenced in Alertmanager: {name}")}
    assert in_between[CPU]["status"]["state"] == "suppressed"
    assert afterwards == {CPU: ("firing", None)}
    assert (told, told_during, told_afterwards) == (1, 1, 2)


def test_what_is_inhibited_there_is_suppressed_here_by_its_name(opened: Callable[..., Settings], tmp_path: Path) -> None:
    with web(OK) as people, alertmanager_at(tmp_path, INHIBIT) as url:
        settings = opened(url, people)
        run(settings, midnight(1), "cpu_utilization", "memory_utilization")
        inhibitor = held(url)[MEMORY]["fingerprint"]
        stands = run(settings, midnight(0), "cpu_utilization", "memory_utilization")

    assert stands == {CPU: ("suppressed", f"inhibited in Alertmanager: {inhibitor}"), MEMORY: ("firing", None)}


def test_what_was_silenced_stays_so_while_it_is_down_and_when_it_has_come_up_again_without_its_alerts(
    opened: Callable[..., Settings], tmp_path: Path
) -> None:
    with web(OK) as people:
        with alertmanager_at(tmp_path) as url:
            settings = opened(url, people)
            run(settings, midnight(3), "cpu_utilization")
            name = silence(url, CPU)
            run(settings, midnight(2), "cpu_utilization")
        down = run(settings, midnight(1), "cpu_utilization")
        with alertmanager_at(tmp_path) as url:
            has_come_up_with = held(url)
            up = run(opened(url, people), midnight(0), "cpu_utilization")
            has = held(url)

    assert has_come_up_with == {}
    assert down == up == {CPU: ("suppressed", f"silenced in Alertmanager: {name}")}
    assert has[CPU]["status"]["silencedBy"] == [name]
    assert len(people.arrived) == 1
