"""The step `alert` on a lake: rules, rows, messages to a server on loopback, and what becomes of them when it is down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from pipeline import plugs
from pipeline import settings as settings_module
from pipeline.alerting.decide import News
from pipeline.alerting.message import TAKEN, refused
from pipeline.cli import app
from pipeline.errors import ConfigError, DataError, PartialError
from pipeline.inputs import ask
from pipeline.inputs.alerts import read_known, read_said
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake, sql
from pipeline.quality.conform import conform
from pipeline.routes import Route
from pipeline.settings import Settings
from pipeline.steps import alert as step
from pipeline.steps._deliver import UNDER_WAY, Clock, deliver
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.forecasts import DRIFT
from pipeline.tables.operations import RUN_EVENT
from pipeline.tables.savings import SAVINGS
from tests.support.people import Inbox, free_port, web

DAY = Interval.day("2026-03-14")
NEXT = Interval.day("2026-03-15")
OK = (200, dict[str, str]())
DOWN = (503, dict[str, str]())


class Time(Clock):
    """A clock that runs while somebody waits, and at no other time."""

    def __init__(self, at: datetime) -> None:
        super().__init__(now=lambda: self.at, sleep=self._pass)
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "waited", [])

    def _pass(self, seconds: float) -> None:
        self.waited.append(seconds)  # type: ignore[attr-defined]
        object.__setattr__(self, "at", self.at + timedelta(seconds=seconds))  # type: ignore[has-type]


def after(interval: Interval, hours: float = 3) -> Time:
    return Time(interval.end + timedelta(hours=hours))


def hook(inbox: Inbox, **named: Any) -> dict[str, Any]:
    """A route to a server, which on a busy machine may take its time."""
    return {"notifier": "webhook", "options": {"url": f"http://{inbox.where[0]}:{inbox.where[1]}/"}, **named}


@pytest.fixture(autouse=True)
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules that these tests are about, without the seconds that expectations take; whole runs ask all and hold to all."""
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.model_drift", "alerts.undelivered"])
    monkeypatch.setattr(step, "validate", lambda data, *_: data)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., tuple[Lake, Settings]]:
    def open_with(**chosen: Any) -> tuple[Lake, Settings]:
        settings = settings_module.load({}, home=tmp_path / "home", **chosen)
        return open_lake(settings), settings

    return open_with


def drifts(lake: Lake, interval: Interval, *metrics: str) -> None:
    """What the rule model_drift finds in a run: these metrics and no others."""
    rows = [
        {"as_of": interval.as_of, "metric": metric, "granularity": "day", "scored": 9, "scored_before": 9}
        | {"pinball_to_naive": 0.9, "pinball_to_naive_before": 0.5, "drifted": True, "retrain": True, "reason": "it grew"}
        for metric in metrics
    ]
    open_lake(lake.settings).replace(DRIFT, conform(DRIFT.frame(rows), DRIFT, interval), DRIFT.scope(interval))


def messages(lake: Lake) -> list[dict[str, Any]]:
    return sorted(lake.read(NOTIFICATION).to_pylist(), key=lambda row: (row["as_of"], row["route"], row["title"]))


def open_alerts(lake: Lake, interval: Interval) -> list[tuple[str, str, str]]:
    rows = ask(lake, "open_alerts", as_of=interval.as_of).to_pylist()
    return sorted((row["rule"], row["subject"], row["state"]) for row in rows)


def test_what_a_rule_finds_is_a_row_and_a_message_once_however_often_the_run_is_made(opened: Callable[..., Any]) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization")

        rows = [step.alert_at(DAY, open_lake(settings), settings, after(DAY, hours)) for hours in (3, 4)]

    assert rows == [1, 1]
    assert open_alerts(lake, DAY) == [("model_drift", "segment cpu_utilization/day", "firing")]
    [message] = messages(lake)
    assert inbox.ids == [message["message_id"]]
    assert (message["state"], message["tries"], message["title"]) == (
        "sent",
        1,
        "[WARNING] segment cpu_utilization/day forecast: forecasts of a metric got worse",
    )


def test_what_is_over_is_told_and_a_run_that_is_made_later_than_it_may_be_tells_nobody(opened: Callable[..., Any]) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))
        backfilled = Interval.day("2026-03-10")
        drifts(lake, backfilled, "disk_utilization")
        step.alert_at(backfilled, open_lake(settings), settings, after(NEXT))

    assert [row["kind"] for row in messages(lake)] == ["firing", "resolved"]
    assert len(inbox.ids) == 2
    assert open_alerts(lake, backfilled) == [("model_drift", "segment disk_utilization/day", "firing")]


def test_a_recommendation_that_regressed_is_one_message_and_nobody_is_told_that_it_is_over(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.recommendation_regressed"])
    row = {"recommendation_id": "a" * 16, "rule_id": "rightsizing", "account": "1", "region": "r", "resource_id": "i-1"}
    row |= {"service": "EC2", "action": "downsize", "is_counted": True, "first_seen_at": DAY.start, "last_seen_at": DAY.start}
    row |= {"times_seen": 1, "days": 9, "status": "regressed", "reason": "It costs more than before it."}
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        for interval in (DAY, NEXT):
            found = conform(SAVINGS.frame([row | {"as_of": interval.as_of}]), SAVINGS, interval)
            open_lake(settings).replace(SAVINGS, found, SAVINGS.scope(interval))
            step.alert_at(interval, open_lake(settings), settings, after(interval))

    [message] = messages(lake)
    assert (message["as_of"], message["kind"], message["subject"]) == (DAY.as_of, "firing", "1/r/i-1")
    assert "It costs more than before it." in message["body"]
    assert len(inbox.ids) == 1
    assert open_alerts(lake, NEXT) == []


def recorded(lake: Lake, interval: Interval, *events: tuple[str, str, str]) -> None:
    """That steps of a run went so: step, target, outcome."""
    rows = [
        {"source": "x", "ts": interval.end, "start_at": interval.start, "step": name, "target": target, "shard": 0}
        | {"outcome": outcome, "rows": 0, "wall_s": 1.0, "cpu_s": 1.0, "peak_rss_mib": 1.0}
        for name, target, outcome in events
    ]
    schema = pa.schema([field for field in RUN_EVENT.arrow_schema if field.name in rows[0]])
    data = pa.Table.from_pylist(rows, schema=schema)
    shard = "-".join(outcome for *_, outcome in events)
    open_lake(lake.settings).land(RUN_EVENT, data, source="x", shard=shard, ingested_at=interval.end)


@pytest.mark.parametrize("events", [[("build", "gold.drift", "failed")], [("ingest", "fleet", "failed")]])
def test_what_a_run_did_not_make_is_not_over(opened: Callable[..., Any], events: list[tuple[str, str, str]]) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        recorded(lake, NEXT, *events)
        step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))
        open_then = open_alerts(lake, NEXT)
        recorded(lake, NEXT, ("build", "gold.drift", "done"))
        step.alert_at(NEXT, open_lake(settings), settings, after(NEXT, 4))

    assert open_then == [("model_drift", "segment cpu_utilization/day", "firing")]
    assert open_alerts(lake, NEXT) == []
    assert [row["kind"] for row in messages(lake)] == ["firing", "resolved"]


def test_a_route_that_takes_nothing_fails_no_run_and_another_route_is_told_of_it_in_the_same_run(
    opened: Callable[..., Any],
) -> None:
    with web(DOWN) as broken, web(OK) as other:
        lake, settings = opened(
            routes={"first": hook(broken, rules=["model_drift", "undelivered"]), "second": hook(other, rules=["undelivered"])}
        )
        drifts(lake, DAY, "cpu_utilization")
        clock = after(DAY)

        step.alert_at(DAY, open_lake(settings), settings, clock)

    waiting, told = messages(lake)
    assert (waiting["route"], waiting["state"], told["route"], told["state"]) == ("first", "unknown", "second", "sent")
    assert waiting["tries"] >= settings.notify_tries
    assert set(broken.ids) == {waiting["message_id"]}, "again under the same id"
    assert told["title"] == "[CRITICAL] route first delivery: a route to people takes no messages"
    assert "it answered 503" in told["body"]


def test_a_message_that_waits_is_sent_by_the_next_run_and_that_is_told_too(opened: Callable[..., Any]) -> None:
    with web(OK) as other:
        port = free_port()
        lake, settings = opened(
            routes={
                "first": hook(Inbox(("127.0.0.1", port)), rules=["model_drift"]),
                "second": hook(other, rules=["undelivered"]),
            }
        )
        drifts(lake, DAY, "cpu_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        assert [row["state"] for row in messages(lake)] == ["queued", "sent"]
        with web(OK) as back:
            routes = {"first": hook(back, rules=["model_drift"]), "second": hook(other, rules=["undelivered"])}
            lake, settings = opened(routes=routes)
            drifts(lake, NEXT, "cpu_utilization")
            step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))

    first, *_ = messages(lake)
    assert first["state"] == "sent"
    assert len(back.ids) == len(set(back.ids)) == 2, "what waited, and what is news"


def test_who_asks_to_wait_is_waited_for(opened: Callable[..., Any]) -> None:
    with web((429, {"Retry-After": "40"}), OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization")
        clock = after(DAY)

        step.alert_at(DAY, open_lake(settings), settings, clock)

    assert len(inbox.ids) == 2
    assert len(set(inbox.ids)) == 1
    assert clock.waited[0] == pytest.approx(40, abs=0.1)  # type: ignore[attr-defined]


def test_a_route_that_asks_to_wait_is_left_alone_with_all_its_messages(opened: Callable[..., Any]) -> None:
    with web((429, {"Retry-After": "40"}), OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization", "disk_utilization")
        clock = after(DAY)

        step.alert_at(DAY, open_lake(settings), settings, clock)

    assert clock.waited[0] == pytest.approx(40, abs=0.1)  # type: ignore[attr-defined]
    assert (len(inbox.ids), len(set(inbox.ids))) == (3, 2)


def test_a_message_that_a_route_refuses_again_and_again_does_not_hold_up_the_others(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, settings = opened(routes={"oncall": hook(Inbox(("127.0.0.1", free_port())))})
    drifts(lake, DAY, "cpu_utilization", "disk_utilization")
    handed: list[str] = []

    def refuse_the_first(message: Any) -> Any:
        handed.append(message.message_id)
        return refused("it answered 400") if message.message_id == handed[0] else TAKEN

    with instead_of_sending(monkeypatch, refuse_the_first):
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    # And what cannot be delivered is an alert itself, which this route is not told of.
    assert sorted(row["state"] for row in messages(lake)) == ["queued", "sent"]
    assert handed[: settings.notify_tries] == [handed[0]] * settings.notify_tries


def test_a_run_that_is_made_again_and_finds_no_more_of_what_it_told_says_once_that_it_is_over(opened: Callable[..., Any]) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox, severities=["warning"])})
        drifts(lake, DAY, "cpu_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        [row] = read_known(lake, NEXT.end)
        step.acknowledge(open_lake(settings), row["alert_id"], "training again", DAY.end + timedelta(hours=4))
        drifts(lake, DAY)

        for hours in (5, 6):
            step.alert_at(DAY, open_lake(settings), settings, after(DAY, hours))

    assert sorted(row["kind"] for row in messages(lake)) == ["firing", "resolved"]
    assert len(inbox.ids) == 2
    assert open_alerts(lake, NEXT) == []
    with pytest.raises(ConfigError, match="is over since"):
        step.acknowledge(open_lake(settings), row["alert_id"], "again", DAY.end + timedelta(hours=7))


def test_that_it_is_over_goes_where_it_was_told_to_fire_however_grave_it_was_in_the_end() -> None:
    plain = dict.fromkeys(ALERT.names) | {"rule": "threshold", "subject": "1/r/i-1", "severity": "warning"}
    routes = {name: Route(notifier="sns", severities=(name,)) for name in ("critical", "warning")}

    firing, over = (News("g", kind, (plain,)) for kind in ("firing", "resolved"))

    assert list(step.choose_routes(firing, routes, {"critical"})) == ["warning"]
    assert list(step.choose_routes(over, routes, {"critical"})) == ["critical"]


@contextmanager
def instead_of_sending(monkeypatch: pytest.MonkeyPatch, does: Callable[[Any], Any]) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(plugs, "bind", lambda *_: does)
        yield


def test_a_run_that_is_killed_while_it_sends_loses_nothing_and_its_message_goes_again_under_its_id(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)}, notify_wait_s=0)
        drifts(lake, DAY, "cpu_utilization")

        def killed(_message: Any) -> Any:
            raise KeyboardInterrupt

        with instead_of_sending(monkeypatch, killed), pytest.raises(KeyboardInterrupt):
            step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        [marked] = messages(lake)
        soon, later = Time(marked["tried_at"]), Time(marked["tried_at"] + UNDER_WAY)
        # Another run may be at it still; once that cannot be, it is sent.
        step.alert_at(DAY, open_lake(settings), settings, soon)
        assert (marked["state"], inbox.ids) == ("sending", [])
        step.alert_at(DAY, open_lake(settings), settings, later)

    [sent] = messages(lake)
    assert (sent["state"], sent["message_id"], inbox.ids) == ("sent", marked["message_id"], [marked["message_id"]])


def test_of_two_runs_at_once_one_sends_each_message_and_no_outcome_is_lost(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)}, notify_wait_s=0)
        drifts(lake, DAY, "cpu_utilization", "disk_utilization", "memory_utilization")
        bind = plugs.bind

        def while_another_runs(message: Any) -> Any:
            deliver(open_lake(settings), settings, after(DAY))
            options = plugs.check_options("notifiers", "webhook", settings.routes["oncall"].options)
            return bind("notifiers", "webhook", options)(message)

        with instead_of_sending(monkeypatch, while_another_runs):
            step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    assert [row["state"] for row in messages(lake)] == ["sent"] * 3
    assert sorted(inbox.ids) == sorted(row["message_id"] for row in messages(lake))


def test_a_route_that_has_had_its_messages_of_the_week_is_told_of_no_more_warnings_and_the_lake_says_so(
    opened: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with web(OK) as few, web(OK) as all_:
        lake, settings = opened(routes={"few": hook(few, weekly_messages=2), "all": hook(all_)})
        drifts(lake, DAY, "cpu_utilization", "disk_utilization", "memory_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        drifts(lake, NEXT)
        step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))

    withheld = [row for row in messages(lake) if row["state"] == "withheld"]
    assert [(row["route"], row["tries"], row["error"]) for row in withheld] == [
        ("few", 0, "the route has had its 2 messages of the week")
    ]
    assert (len(few.ids), len(all_.ids)) == (4, 6), "each is told what is over of what it was told"
    assert "messages withheld of route few, which has had its messages of the week: 1" in caplog.text


def test_what_is_critical_uses_up_no_messages_of_the_week(opened: Callable[..., Any]) -> None:
    lake, settings = opened(routes={"few": hook(Inbox(("127.0.0.1", free_port())), weekly_messages=1)})
    plain = dict.fromkeys(ALERT.names) | {"rule": "threshold", "subject": "1/r/i-1", "cause": "cpu_utilization", "alert_id": "a"}
    plain |= {"since": DAY.start, "as_of": DAY.as_of}
    critical, mild, other = (
        News(letter * 12, "firing", (plain | {"severity": severity},))
        for letter, severity in (("a", "critical"), ("b", "warning"), ("c", "warning"))
    )
    for news in ([critical], [mild], [other, mild, critical]):
        step.queue_messages(news, read_said(lake, DAY.as_of), DAY, open_lake(settings), settings)

    assert [(row["group_id"][0], row["state"]) for row in sorted(messages(lake), key=lambda row: row["group_id"])] == [
        ("a", "queued"),
        ("b", "queued"),
        ("c", "withheld"),
    ]


def test_a_message_that_nobody_took_for_a_week_is_given_up_and_stays_on_record(opened: Callable[..., Any]) -> None:
    lake, settings = opened(routes={"oncall": hook(Inbox(("127.0.0.1", free_port())))}, notify_wait_s=0)
    drifts(lake, DAY, "cpu_utilization")
    step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    ended = deliver(lake, settings, Time(DAY.end + timedelta(days=8)))

    assert ended == {"given_up": 1}
    [row] = messages(lake)
    assert row["error"].startswith("no news after 7 days; NewConnectionError")


def test_a_secret_that_is_missing_is_an_error_of_the_route_and_not_of_the_run(opened: Callable[..., Any]) -> None:
    route = {"notifier": "apprise", "options": {"address_env": "NOT_THERE_AT_ALL"}}
    lake, settings = opened(routes={"oncall": route}, notify_wait_s=0)
    drifts(lake, DAY, "cpu_utilization")

    step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    [row] = messages(lake)
    assert (row["state"], row["error"]) == (
        "queued",
        "the environment variable NOT_THERE_AT_ALL is not set or empty; it holds an address of Apprise, such as slack://…",
    )


def test_a_wrong_route_or_calendar_is_said_before_anything_is_published(opened: Callable[..., Any], tmp_path: Path) -> None:
    for chosen, complaint in (
        (
            {"routes": {"oncall": {"notifier": "webhook", "options": {"url": "http://x/", "tocken_env": "A"}}}},
            r"routes\.oncall: .*'tocken_env'",
        ),
        ({"maintenance_calendar": str(tmp_path / "gone.toml")}, "gone.toml cannot be read"),
        ({"maintenance_calendar": "s3://elsewhere/calendar.toml"}, "does not lie below"),
    ):
        lake, settings = opened(**chosen)
        drifts(lake, DAY, "cpu_utilization")
        with pytest.raises(ConfigError, match=complaint):
            step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        assert not lake.exists(ALERT)


def test_in_a_window_of_the_calendar_nobody_is_told_and_the_log_counts_why(
    opened: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    calendar = tmp_path / "calendar.toml"
    calendar.write_text(
        '[[window]]\nname = "new cluster"\nstart = 2026-03-14T00:00:00Z\nend = 2026-03-16T00:00:00Z\nsubjects = ["segment *"]\n'
    )
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)}, maintenance_calendar=str(calendar))
        drifts(lake, DAY, "cpu_utilization", "disk_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    assert inbox.ids == []
    assert {state for *_, state in open_alerts(lake, DAY)} == {"suppressed"}
    assert "groups nobody is told of, maintenance: 2" in caplog.text


def test_a_rule_that_cannot_be_asked_makes_the_run_partial_and_leaves_its_alerts_and_the_others_are_told(
    opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, settings = opened()
    drifts(lake, DAY, "cpu_utilization")
    step.alert_at(DAY, open_lake(settings), settings, after(DAY))
    query = lake.query

    def broken(sql: str, params: Any = None) -> Any:
        if sql.startswith("-- alerts.model_drift"):
            raise DataError("the file is damaged")
        return query(sql, params)

    monkeypatch.setattr(lake, "query", broken)
    with pytest.raises(PartialError, match="rules that could not be asked: model_drift"):
        step.alert_at(NEXT, lake, settings, after(NEXT))

    assert open_alerts(lake, NEXT) == [("model_drift", "segment cpu_utilization/day", "firing")]


# ---------------------------------------------------------------- a person


def test_who_takes_an_alert_adds_an_event_and_is_told_no_more_of_it(opened: Callable[..., Any]) -> None:
    with web(OK) as inbox:
        lake, settings = opened(routes={"oncall": hook(inbox)})
        drifts(lake, DAY, "cpu_utilization")
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))
        [before] = read_known(lake, NEXT.end)

        taken = step.acknowledge(open_lake(settings), before["alert_id"][:6], " retrained today ", DAY.end + timedelta(hours=9))
        drifts(lake, NEXT, "cpu_utilization")
        step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))
        step.alert_at(DAY, open_lake(settings), settings, after(DAY))

    assert sorted(read_known(lake, NEXT.end), key=lambda row: row["as_of"]) == [before, taken]
    assert (taken["state"], taken["reason"]) == ("acknowledged", "retrained today")
    assert open_alerts(lake, NEXT) == [("model_drift", "segment cpu_utilization/day", "acknowledged")]
    assert len(inbox.ids) == 1


def test_only_an_alert_that_is_there_and_not_over_is_taken_and_with_a_reason(opened: Callable[..., Any]) -> None:
    lake, settings = opened()
    drifts(lake, DAY, "cpu_utilization")
    step.alert_at(DAY, open_lake(settings), settings, after(DAY))
    step.alert_at(NEXT, open_lake(settings), settings, after(NEXT))
    [over] = [row for row in read_known(lake, NEXT.end) if row["state"] == "resolved"]

    for alert_id, reason, complaint in (
        (over["alert_id"], "  ", "says why"),
        (over["alert_id"], "x", "is over since"),
        ("ffffffffffff", "x", "no alert of the last 400 days has the id 'ffffffffffff'"),
        ("", "x", "no alert"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            step.acknowledge(open_lake(settings), alert_id, reason, NEXT.end + timedelta(hours=1))


def test_the_command_line_lists_takes_and_sends(opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    lake, settings = opened()
    drifts(lake, DAY, "cpu_utilization")
    step.alert_at(DAY, open_lake(settings), settings, after(DAY))
    [row] = read_known(lake, NEXT.end)
    monkeypatch.setenv("HEADROOM_HOME", str(settings.home))
    monkeypatch.setenv("COLUMNS", "200")

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["alert", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert row["alert_id"] in said("list")
    assert f"{row['alert_id']} is acknowledged: segment cpu_utilization/day" in said("ack", row["alert_id"], "--reason", "mine")
    assert "acknowledged" in said("list")
    assert "no message waits" in said("send")
    again = said("--day", "2026-03-14")
    assert "✓ alert" in again
    assert "next: python -m pipeline report --day 2026-03-14" in again
