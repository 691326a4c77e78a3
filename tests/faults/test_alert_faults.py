"""A run that tells people dies by SIGKILL: no message is lost, and none goes twice but the one whose outcome nobody knows."""

from __future__ import annotations

import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import settings as settings_module
from pipeline.interval import Interval
from pipeline.lake import open_lake, sql
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import alert as step
from pipeline.steps._deliver import UNDER_WAY, Clock
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.forecasts import DRIFT
from tests.support.forked import Forked
from tests.support.people import Inbox, web

DAY = Interval.day("2026-03-14")
AT = DAY.end + timedelta(hours=3)
OK = (200, dict[str, str]())
#: What a run does to the world, in order: its alerts, its messages, that one is under way, the message itself, its outcome.
CALLS = ("alerts", "messages", "under way", "handed over", "outcome")
#: The same of a route with a digest: what waits, and then the one message of it.
DIGEST_CALLS = ("alerts", "what waits", "digest", "under way", "handed over", "outcome")
RULES = ("alerts.model_drift", "alerts.undelivered")

# One run, which dies before or after one of its calls; at a later one than its last it lives.
RUN = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
home, url, at, when, moment = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], datetime.fromisoformat(sys.argv[5])
named = {"digest": sys.argv[6]} if sys.argv[6] else {}
import pyiceberg.catalog.sql, urllib3
from pipeline import settings
from pipeline.interval import Interval
from pipeline.lake import open_lake, sql
from pipeline.steps import alert
from pipeline.steps._deliver import Clock

calls = 0

def cut(owner, name):
    original = getattr(owner, name)
    def patched(*args, **kwargs):
        global calls
        calls += 1
        number = calls
        if number == at and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = original(*args, **kwargs)
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(owner, name, patched)

sql.alerts = lambda: sys.argv[7:]
alert.validate = lambda data, *_: data
cut(pyiceberg.catalog.sql.SqlCatalog, "commit_table")
cut(urllib3.PoolManager, "request")
routes = {"oncall": {"notifier": "webhook", "options": {"url": url}, **named}}
chosen = settings.load({}, home=Path(home), routes=routes, notify_wait_s=0)
alert.alert_at(Interval.day("2026-03-14"), open_lake(chosen), chosen, Clock(now=lambda: moment, sleep=lambda _: None))
print(calls)
"""


@pytest.fixture
def drifted(tmp_path: Path) -> Settings:
    """A lake in which a rule finds one thing."""
    settings = settings_module.load({}, home=tmp_path / "home", notify_wait_s=0)
    row: dict[str, Any] = {"as_of": DAY.as_of, "metric": "cpu_utilization", "granularity": "day", "reason": "it grew"}
    row |= {"scored": 9, "scored_before": 9, "pinball_to_naive": 0.9, "pinball_to_naive_before": 0.5}
    data = conform(DRIFT.frame([row | {"drifted": True, "retrain": True}]), DRIFT, DAY)
    open_lake(settings).replace(DRIFT, data, DRIFT.scope(DAY))
    return settings


def address(inbox: Inbox) -> str:
    return f"http://{inbox.where[0]}:{inbox.where[1]}/"


def run(settings: Settings, inbox: Inbox, call: int, when: str, digest: str = "") -> tuple[int | None, str]:
    """How a process ended that made the run, and what it said."""
    process = Forked(RUN, str(settings.home), address(inbox), str(call), when, AT.isoformat(), digest, *RULES)
    said, complained = process.communicate(timeout=240)
    return process.returncode, said.strip() or complained


def test_a_run_that_tells_of_one_thing_makes_so_many_calls(drifted: Settings) -> None:
    with web(OK) as inbox:
        assert run(drifted, inbox, len(CALLS) + 1, "before") == (0, str(len(CALLS)))
    assert len(inbox.ids) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_run_killed_at_any_call_loses_no_message_and_doubles_none_whose_outcome_is_known(
    drifted: Settings, monkeypatch: pytest.MonkeyPatch, call: str, when: str
) -> None:
    monkeypatch.setattr(sql, "alerts", lambda: list(RULES))
    monkeypatch.setattr(step, "validate", lambda data, *_: data)
    with web(OK) as inbox:
        ended, said = run(drifted, inbox, CALLS.index(call) + 1, when)
        assert ended == -signal.SIGKILL, said
        routes = {"oncall": {"notifier": "webhook", "options": {"url": address(inbox)}}}
        settings = settings_module.load({}, home=drifted.home, routes=routes, notify_wait_s=0)
        for later in (timedelta(seconds=1), UNDER_WAY, 2 * UNDER_WAY):
            moment = AT + later
            step.alert_at(DAY, open_lake(settings), settings, Clock(now=lambda at=moment: at, sleep=lambda _: None))

    lake = open_lake(settings)
    [message] = lake.read(NOTIFICATION).to_pylist()
    assert (lake.read(ALERT).num_rows, message["state"]) == (1, "sent")
    # The server had taken it, and no run lived to say so.
    is_unknown = (call, when) in {("handed over", "after"), ("outcome", "before")}
    assert inbox.ids == [message["message_id"]] * (2 if is_unknown else 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", DIGEST_CALLS)
def test_a_run_killed_at_any_call_makes_one_digest_of_what_waited_and_loses_none_of_it(
    drifted: Settings, monkeypatch: pytest.MonkeyPatch, call: str, when: str
) -> None:
    monkeypatch.setattr(sql, "alerts", lambda: list(RULES))
    monkeypatch.setattr(step, "validate", lambda data, *_: data)
    with web(OK) as inbox:
        ended, said = run(drifted, inbox, DIGEST_CALLS.index(call) + 1, when, digest="daily")
        assert ended == -signal.SIGKILL, said
        routes = {"oncall": {"notifier": "webhook", "digest": "daily", "options": {"url": address(inbox)}}}
        settings = settings_module.load({}, home=drifted.home, routes=routes, notify_wait_s=0)
        for later in (timedelta(seconds=1), UNDER_WAY, 2 * UNDER_WAY):
            moment = AT + later
            step.alert_at(DAY, open_lake(settings), settings, Clock(now=lambda at=moment: at, sleep=lambda _: None))

    rows = {row["state"]: row for row in open_lake(settings).read(NOTIFICATION).to_pylist()}
    assert sorted(rows) == ["in_digest", "sent"]
    assert rows["in_digest"]["subject"] in rows["sent"]["body"]
    is_unknown = (call, when) in {("handed over", "after"), ("outcome", "before")}
    assert inbox.ids == [rows["sent"]["message_id"]] * (2 if is_unknown else 1)
