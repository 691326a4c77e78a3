"""Digests: what waits for a day or a week, when it goes out as one message, and what that says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from pipeline import settings as settings_module
from pipeline.alerting import digest
from pipeline.alerting.decide import News, Row
from pipeline.alerting.digest import Contents, Period, Rate, count_untold, digest_id, is_held, period_at, render_digest, say_rate
from pipeline.alerting.heard import Said
from pipeline.alerting.rules import Fired
from pipeline.errors import ConfigError
from pipeline.inputs.alerts import read_rules
from pipeline.interval import Interval
from pipeline.lake import Lake, open_lake
from pipeline.quality.conform import conform
from pipeline.routes import Route, check_routes
from pipeline.settings import Settings
from pipeline.steps import _digest as queueing
from pipeline.steps import alert as step
from pipeline.steps._deliver import Clock
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.anomalies import ANOMALY_POINT
from pipeline.tables.schema import Scope
from tests.support.people import Inbox, free_port, web

OK = (200, dict[str, str]())
#: A Sunday.
SUNDAY = Interval.day("2026-03-15")
END = SUNDAY.end
A_DAY = Period("daily", SUNDAY.start, END)
A_WEEK = Period("weekly", END - timedelta(days=7), END)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fires(subject: str = "1/r/i-1", severity: str = "warning", rule: str = "threshold", **also: Any) -> Fired:
    return Fired(rule, subject, "cpu_utilization", severity, END - 5 * HOUR, 97.0, 95.0, "percent", **also)


def row(as_of: datetime, state: str, alert_id: str = "a", group_id: str = "g", **also: Any) -> Row:
    plain = dict.fromkeys(ALERT.names) | {
        "rule": "threshold",
        "subject": f"1/r/{group_id}",
        "cause": "cpu",
        "severity": "warning",
    }
    return (
        plain
        | {"as_of": as_of, "state": state, "alert_id": alert_id, "group_id": group_id}
        | ({"since": as_of, "fired_at": as_of} | also)
    )


# ---------------------------------------------------------------- rules


@given(
    kind=st.sampled_from(["daily", "weekly"]),
    hour=st.integers(0, 23),
    clock=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),
)
def test_a_moment_has_one_newest_period_and_the_next_begins_where_it_ends(kind: str, hour: int, clock: datetime) -> None:
    period = period_at(kind, hour, clock)

    span = period.end - period.start
    assert period.end <= clock < period.end + span
    assert (span, period.end.hour) == ({"daily": DAY, "weekly": 7 * DAY}[kind], hour)
    assert kind == "daily" or period.end.weekday() == 0
    assert period_at(kind, hour, clock + span) == Period(kind, period.end, period.end + span)


def test_a_digest_has_one_id_for_its_route_and_period_and_no_other() -> None:
    ids = [digest_id(*each) for each in (("x", A_DAY), ("y", A_DAY), ("x", A_WEEK), ("x", period_at("daily", 0, END + DAY)))]

    assert len(set(ids)) == 4
    assert digest_id("x", period_at("daily", 0, END + 9 * HOUR)) == ids[0]


def test_what_is_critical_never_waits_nor_that_it_is_over() -> None:
    def held(kind: str, severity: str, *said: tuple[str, str]) -> bool:
        before = [Said("g", END - (9 - at) * HOUR, one, "mail", severity=grave) for at, (one, grave) in enumerate(said)]
        others = [Said("g", END - HOUR, "firing", "oncall", severity="critical")]
        return is_held(News("g", kind, (row(END, kind, severity=severity),)), [*before, *others], "mail", END)

    assert not held("firing", "critical")
    assert held("firing", "warning")
    assert held("firing", "info", ("firing", "critical"))
    assert held("resolved", "warning", ("firing", "warning"))
    assert not held("resolved", "warning", ("firing", "critical"), ("firing", "warning"))
    assert held("resolved", "warning", ("firing", "critical"), ("resolved", "critical"), ("firing", "warning"))


def test_alerts_that_nobody_is_told_of_count_by_why_also_those_that_were_so_before_the_period() -> None:
    long_ago, before, within = END - 40 * DAY, END - 2 * DAY, END - HOUR
    rows = [
        row(long_ago, "suppressed", "a", suppressed_by="maintenance: new cluster"),
        row(within, "suppressed", "b", suppressed_by="maintenance: patching"),
        row(within + HOUR / 2, "suppressed", "b", suppressed_by="flapping"),
        row(before, "suppressed", "c", suppressed_by="flapping"),
        row(before + HOUR, "firing", "c"),
        row(within, "acknowledged", "d"),
        row(END + HOUR, "suppressed", "e", suppressed_by="flapping"),
        row(within, "firing", "f"),
    ]

    assert count_untold(rows, A_DAY) == {"acknowledged": 1, "flapping": 1, "maintenance": 2}


def held(group_id: str, as_of: datetime = END - HOUR) -> Row:
    return {"group_id": group_id, "as_of": as_of}


def test_a_digest_says_what_fires_what_is_over_how_often_what_nobody_was_told_and_what_next() -> None:
    alerts = [
        row(END - 30 * HOUR, "firing", "a1", "over"),
        row(END - 20 * HOUR, "resolved", "a1", "over", fired_at=END - 30 * HOUR),
        row(END - 9 * HOUR, "firing", "a2", "over"),
        row(END - 8 * HOUR, "resolved", "a2", "over", fired_at=END - 9 * HOUR, since=END - 9 * HOUR),
        row(END - 50 * HOUR, "firing", "b", "long", severity="info"),
        row(END - 3 * HOUR, "firing", "c", "new"),
        row(END + HOUR, "resolved", "c", "new", fired_at=END - 3 * HOUR),
        row(END - HOUR, "firing", "d", "told at once"),
    ]
    rules = read_rules()

    title, body = render_digest(
        "mail", A_DAY, Contents([held("long"), held("over"), held("new")], alerts, {"flapping": 3}), rules, "s3://b/report.html"
    )

    assert title == "[DIGEST] daily of route mail to 2026-03-16 00:00 UTC: 2 fire, 1 is over"
    head, *groups, foot = body.split("\n\n")
    assert head == "From 2026-03-15 00:00 to 2026-03-16 00:00 UTC: 2 fire, 1 is over."
    what = rules["threshold"].title
    assert groups[0].splitlines() == [
        f"[WARNING] 1/r/new cpu: {what}",
        "Since        2026-03-15 21:00 UTC",
        "How often    began once, was over never",
        f"Next         {rules['threshold'].to_do}",
        'Acknowledge  python -m pipeline alert ack c --reason "…"',
    ]
    assert [each.splitlines()[0] for each in groups[1:]] == [f"[INFO] 1/r/long cpu: {what}", f"[RESOLVED] 1/r/over cpu: {what}"]
    assert groups[1].splitlines()[2] == "How often    began never, was over never"
    assert groups[2].splitlines()[1:] == [
        "Since        2026-03-15 15:00 UTC, over as of 2026-03-15 16:00 UTC",
        "How often    began once, was over 2 times",
    ]
    assert foot.splitlines() == ["Untold       flapping: 3 (alerts, by why nobody is told)", "Report       s3://b/report.html"]


def test_what_happened_once_is_not_over_in_a_digest_though_the_next_run_finds_it_no_more() -> None:
    rules = read_rules()
    ended = {"fired_at": END - 9 * HOUR, "rule": "storage_growth"}
    alerts = [row(END - 9 * HOUR, "firing", **ended), row(END - HOUR, "resolved", **ended)]

    body = render_digest("mail", A_DAY, Contents([held("g")], alerts), rules, "r")[1]

    assert f"[WARNING] 1/r/g cpu: {rules['storage_growth'].title}" in body
    assert rules["storage_growth"].to_do in body
    assert "Acknowledge" not in body
    assert "1 fires, 0 are over" in body


def test_a_digest_lists_the_gravest_and_counts_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "LISTED", 2)
    alerts = [row(END, "firing", name, name, severity="warning" if name == "z" else "info") for name in "abcz"]

    title, body = render_digest("mail", A_DAY, Contents([held(name) for name in "abcz"], alerts), {}, "r")

    assert title.endswith("4 fire, 0 are over")
    assert [line[:15] for line in body.splitlines() if line.startswith("[")] == ["[WARNING] 1/r/z", "[INFO] 1/r/a cp"]
    assert "And 2 more; the report lists what fires." in body


def test_a_digest_reaches_back_to_what_was_made_too_late_for_its_own() -> None:
    late = END - 3 * DAY
    _, body = render_digest("mail", A_DAY, Contents([held("g", late)], [row(late, "firing")]), {}, "r")

    assert body.startswith("From 2026-03-12 23:59 to 2026-03-16 00:00 UTC: 1 fires, 0 are over.")
    assert "began once" in body


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (Rate(30, 10_000, 199), "anomaly rate below 2 % over 30 days: 199 of 10,000 samples, 1.99 %"),
        (Rate(30, 10_000, 200), "anomaly rate not below 2 % over 30 days: 200 of 10,000 samples, 2.00 %"),
        (
            Rate(4, 100, 0),
            "anomaly rate below 2 % over 30 days, of which 4 have samples that were judged: 0 of 100 samples, 0.00 %",
        ),
        (Rate(0, 0, 0), "anomaly rate not known: nothing was judged in 30 days"),
        (None, "anomaly rate not known: it could not be asked"),
    ],
)
def test_a_weekly_digest_says_whether_little_is_anomalous_and_of_how_much(rate: Rate | None, said: str) -> None:
    assert say_rate(rate) == said
    assert f"Anomalies    {said}" in render_digest("mail", A_WEEK, Contents(rate=rate), {}, "r")[1]
    assert "anomaly rate" not in render_digest("mail", A_DAY, Contents(rate=rate), {}, "r")[1]


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ({"digest": "hourly"}, "routes.mail.digest: .*no digest 'hourly'; there are daily and weekly"),
        ({"digest": "dayly"}, "did you mean 'daily'"),
        ({"digest": "daily", "digest_hour": 24}, r"digest_hour.*less than or equal to 23"),
        ({"digest_hour": 7}, 'digest_hour is the hour of a digest: say digest = "daily" or "weekly" too'),
        ({"digest": "daily", "weekly_messages": 5}, "weekly_messages and digest exclude each other"),
        ({"digets": "daily"}, "digets"),
    ],
)
def test_a_route_whose_digest_cannot_be_meant_is_refused_with_what_was_said(named: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){complaint}"):
        settings_module.load({}, routes={"mail": {"notifier": "webhook", "options": {"url": "http://x/"}, **named}})


def test_a_route_that_is_sent_no_messages_has_no_digest() -> None:
    options = {"url": "http://127.0.0.1:9093"}
    route = Route(notifier="alertmanager", digest="daily", options=options)

    with pytest.raises(ConfigError, match=r"routes\.team: digest: alertmanager is sent no messages"):
        check_routes({"team": route})


# ---------------------------------------------------------------- on a lake


class Estate:
    """Runs on a lake, of which each finds what it is told to find, by a clock that is given."""

    def __init__(self, home: Path, inbox: Inbox, **named: Any) -> None:
        route = {"notifier": "webhook", "options": {"url": f"http://{inbox.where[0]}:{inbox.where[1]}/"}}
        self.settings: Settings = settings_module.load({}, home=home, routes={"mail": route | named}, notify_wait_s=0)
        self.found: dict[datetime, list[Fired]] = {}

    @property
    def lake(self) -> Lake:
        return open_lake(self.settings)

    def run(self, interval: Interval, *fired: Fired, clock: datetime | None = None) -> None:
        at = clock or interval.end + 3 * HOUR
        self.found[interval.as_of] = list(fired)
        step.alert_at(interval, self.lake, self.settings, Clock(now=lambda: at, sleep=lambda _: None))

    def rows(self) -> list[dict[str, Any]]:
        return sorted(self.lake.read(NOTIFICATION).to_pylist(), key=lambda each: (each["as_of"], each["title"]))

    def digests(self) -> list[dict[str, Any]]:
        return [each for each in self.rows() if each["subject"] == "digest mail"]

    def states(self) -> Counter[str]:
        return Counter(each["state"] for each in self.rows())


@pytest.fixture
def estate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Estate]:
    made: list[Estate] = []

    def make(inbox: Inbox, home: Path | None = None, **named: Any) -> Estate:
        made.append(Estate(home or tmp_path / "home", inbox, **named))
        return made[-1]

    monkeypatch.setattr(step, "read_fired", lambda interval, *_: (made[-1].found[interval.as_of], {}))
    monkeypatch.setattr(step, "validate", lambda data, *_: data)
    return make


def judged(lake: Lake, anomalous: int, normal: int) -> None:
    """Samples of one hour of the week before, each of a series."""
    at = END - 2 * DAY
    rows = [
        {"series_id": f"1/r/i-{number}/cpu_utilization", "account": "1", "region": "r", "resource_id": f"i-{number}"}
        | {"metric": "cpu_utilization", "unit": "percent", "granularity": "hour", "ts": at, "score": 0.5, "is_alert": False}
        | {"state": "anomalous" if number < anomalous else "normal", "votes": 0, "model_version": "m", "bucket": 0}
        for number in range(anomalous + normal)
    ]
    data = conform(ANOMALY_POINT.frame(rows), ANOMALY_POINT, SUNDAY)
    lake.replace(ANOMALY_POINT, data, Scope("ts", at, at + HOUR))


def day(number: int) -> Interval:
    """The Sunday, and days before and after it."""
    return Interval(SUNDAY.start + number * DAY, SUNDAY.end + number * DAY)


def test_what_is_not_urgent_of_a_day_is_one_message_however_often_its_run_is_made(estate: Callable[..., Estate]) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="daily")
        found = [fires("1/r/i-1"), fires("1/r/i-2"), fires("1/r/i-3", depends_on="1/r/i-1")]
        for hours in (3, 4, 5):
            made.run(SUNDAY, *found, clock=END + hours * HOUR)

    [message] = made.digests()
    assert inbox.ids == [message["message_id"]] == [digest_id("mail", A_DAY)]
    assert (message["state"], message["tries"], message["severity"], message["as_of"]) == ("sent", 1, "warning", END)
    assert message["title"].endswith("2 fire, 0 are over")
    assert "1/r/i-2 cpu_utilization" in inbox.arrived[0]["text"]
    assert "what it depends on: 1 (alerts" in inbox.arrived[0]["text"]
    assert made.states() == {"in_digest": 2, "sent": 1}


def test_a_week_goes_out_on_monday_with_what_was_over_in_between_and_how_much_was_anomalous(
    estate: Callable[..., Estate],
) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="weekly")
        judged(made.lake, 3, 97)
        made.run(day(-7))
        first = list(inbox.ids)
        for number, found in ((-6, [fires()]), (-5, []), (-4, [fires(), fires("1/r/i-2")]), (-3, [fires("1/r/i-2")])):
            made.run(day(number), *found)
        assert inbox.ids == first, "all of it waits until the week is over"
        made.run(day(0), fires("1/r/i-2"))
        made.run(day(1), fires("1/r/i-2"))

    assert inbox.ids == [digest_id("mail", period_at("weekly", 0, each)) for each in (END - 7 * DAY, END)]
    text = inbox.arrived[1]["text"]
    assert "1 fires, 1 is over" in text
    assert "began 2 times, was over 2 times" in text
    assert "anomaly rate not below 2 % over 30 days, of which 1 have samples that were judged: 3 of 100 samples, 3.00 %" in text
    assert "nothing waited" in inbox.arrived[0]["text"]


def test_what_is_critical_goes_at_once_and_when_it_is_over_too_beside_a_digest(estate: Callable[..., Estate]) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="weekly", digest_hour=12)
        made.run(day(1), clock=END + 15 * HOUR)
        told = len(inbox.ids)
        made.run(day(2), fires(severity="critical"), fires("1/r/i-2"))
        made.run(day(3))

    assert told == 1
    assert [(each["kind"], each["severity"], each["state"]) for each in made.rows() if each["subject"] == "1/r/i-1"] == [
        ("firing", "critical", "sent"),
        ("resolved", "critical", "sent"),
    ]
    assert len(inbox.ids) == 3
    assert made.states()["held"] == 2


def test_a_digest_that_is_refused_stays_queued_and_goes_by_a_later_run_under_its_id_with_the_same_words(
    estate: Callable[..., Estate], tmp_path: Path
) -> None:
    down = estate(Inbox(("127.0.0.1", free_port())), digest="daily")
    down.run(SUNDAY, fires())
    [refused] = down.digests()
    with web(OK) as inbox:
        up = estate(inbox, digest="daily")
        up.run(SUNDAY, fires(), clock=END + 8 * HOUR)
        up.run(SUNDAY, fires(), clock=END + 9 * HOUR)

    [sent] = up.digests()
    assert (refused["state"], refused["tries"], sent["state"]) == ("queued", 1, "sent")
    assert inbox.ids == [refused["message_id"]] == [sent["message_id"]]
    assert sent["body"] == refused["body"]


def test_of_two_runs_at_once_one_makes_the_digest_and_no_news_is_lost(
    estate: Callable[..., Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    render = queueing.render_digest
    with web(OK) as inbox:
        made = estate(inbox, digest="daily")

        def while_another_runs(*args: Any) -> tuple[str, str]:
            monkeypatch.setattr(queueing, "render_digest", render)
            made.run(SUNDAY, fires(), fires("1/r/i-2"), clock=END + 4 * HOUR)
            return render(*args)

        monkeypatch.setattr(queueing, "render_digest", while_another_runs)
        made.run(SUNDAY, fires(), clock=END + 3 * HOUR)

    assert inbox.ids == [digest_id("mail", A_DAY)]
    assert made.states() == {"sent": 1, "in_digest": 2}


def test_days_that_no_run_looked_at_are_in_the_next_digest_and_a_backfill_tells_nobody(estate: Callable[..., Estate]) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="daily", digest_hour=6)
        made.run(SUNDAY, fires(), clock=END + 3 * HOUR)
        waiting = list(inbox.ids)
        # The day after was missed; that of a month ago is a backfill, made when a digest is due.
        made.run(day(-30), fires("1/r/i-9"), clock=END + 2 * DAY + 8 * HOUR)
        backfilled = list(inbox.ids)
        made.run(day(2), fires(), fires("1/r/i-2"), clock=END + 2 * DAY + 8 * HOUR)
        made.run(day(1), fires(), clock=END + 2 * DAY + 9 * HOUR)

    assert (waiting, backfilled) == ([], [])
    [message] = made.digests()
    assert (inbox.ids, message["as_of"]) == ([message["message_id"]], END + 2 * DAY + 6 * HOUR)
    assert "From 2026-03-15 23:59 to 2026-03-18 06:00 UTC: 2 fire, 0 are over." in message["body"]
    assert "i-9" not in message["body"]


def test_a_quiet_day_is_told_to_nobody(estate: Callable[..., Estate]) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="daily")
        made.run(SUNDAY)

    assert (inbox.ids, made.rows()) == ([], [])


def test_what_waits_for_a_route_that_has_no_digest_any_more_goes_as_of_the_last_midnight(
    estate: Callable[..., Estate],
) -> None:
    with web(OK) as inbox:
        estate(inbox, digest="weekly").run(day(1), fires())
        made = estate(inbox)
        made.run(day(2), fires())

    assert made.states() == {"in_digest": 1, "sent": 3}
    assert made.digests()[-1]["title"].startswith("[DIGEST] daily of route mail to 2026-03-18 00:00 UTC: 1 fires")


def test_news_that_waits_goes_with_what_a_person_hands_over(
    estate: Callable[..., Estate], monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(OK) as inbox:
        made = estate(inbox, digest="daily", digest_hour=6)
        made.run(SUNDAY, fires())
        at = END + 7 * HOUR
        monkeypatch.setattr(step, "Clock", lambda: Clock(now=lambda: at))
        monkeypatch.setattr(step, "deliver", lambda *_: Counter())
        step.send(made.lake, made.settings)

    assert [each["message_id"] for each in made.digests()] == [digest_id("mail", period_at("daily", 6, at))]


RUNS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.sets(st.sampled_from("abc"))), min_size=2, max_size=5)


@bounds(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=RUNS)
def test_whatever_runs_are_made_late_and_again_each_news_is_in_one_digest_and_each_period_has_one_at_most(
    estate: Callable[..., Estate], tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, int, set[str]]]
) -> None:
    with web(OK) as inbox:
        made = estate(inbox, tmp_path_factory.mktemp("home"), digest="daily", digest_hour=5)
        for number, hours, found in runs:
            interval = day(number)
            for _ in range(2):
                made.run(interval, *(fires(f"1/r/i-{name}") for name in sorted(found)), clock=interval.end + hours * HOUR)
        made.run(day(9), clock=day(9).end + 6 * HOUR)

    sent = made.digests()
    assert Counter(inbox.ids) == Counter(each["message_id"] for each in sent), "each once, under its own id"
    assert len({each["as_of"] for each in sent}) == len(sent)
    assert set(made.states()) <= {"in_digest", "sent"}
    for waited in made.rows():
        assert waited["state"] == "sent" or any(
            waited["as_of"] <= each["as_of"] and f"{waited['subject']} " in each["body"] for each in sent
        )
