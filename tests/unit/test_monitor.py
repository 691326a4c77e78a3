"""The command `monitor`: samples of a file become alerts within their period, in order, and beside those of a day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp

from pipeline import settings as settings_module
from pipeline.cli import monitor
from pipeline.errors import ConfigError, DataError, SourceError
from pipeline.inputs.alerts import choose_rules, read_rules
from pipeline.interval import Interval
from pipeline.lake import open_lake, sql
from pipeline.quality.conform import conform
from pipeline.settings import Settings
from pipeline.steps import alert as alert_step
from pipeline.steps import ingest as ingest_step
from pipeline.steps._deliver import Clock
from pipeline.tables.alerts import ALERT, NOTIFICATION
from pipeline.tables.forecasts import DRIFT
from pipeline.tables.operations import CHECK_RESULT, QUALITY_RESULT
from pipeline.tables.usage import METRIC_5MIN
from tests.support.people import Inbox, web

OK = (200, dict[str, str]())
TEN = datetime(2026, 3, 2, 10)


def period(minute: int) -> Interval:
    """The five minutes that begin so many minutes after ten."""
    return Interval(TEN + timedelta(minutes=minute), TEN + timedelta(minutes=minute + 5))


def hook(inbox: Inbox) -> dict[str, Any]:
    return {"notifier": "webhook", "options": {"url": f"http://{inbox.where[0]}:{inbox.where[1]}/", "timeout_s": 1}}


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a lake whose source is a file of one series each of CPU, by minutes after ten."""

    def prepare(series: dict[str, dict[int, float]], **chosen: Any) -> Settings:
        file = tmp_path / "samples.csv"
        lines = [
            f"{(TEN + timedelta(minutes=minute)).isoformat()},{name},cpu_utilization,{value},percent"
            for name, values in series.items()
            for minute, value in values.items()
        ]
        file.write_text("\n".join(["ts,resource_id,metric,value,unit", *lines]) + "\n")
        options = {"sources": {"csv": {"path": str(file), "period_s": 300}}}
        return settings_module.load({}, home=tmp_path / "home", sources=("csv",), options=options, **chosen)

    return prepare


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set what time it is."""

    def put(at: datetime) -> None:
        monkeypatch.setattr(ingest_step, "now", lambda: at)
        monkeypatch.setattr(alert_step, "Clock", lambda: Clock(now=lambda: at))

    return put


def changes(settings: Settings) -> list[tuple[str, str, str, str]]:
    rows = open_lake(settings).read(ALERT).to_pylist()
    return sorted((f"{row['as_of']:%H:%M}", row["rule"], row["subject"], row["state"]) for row in rows)


BUSY = dict.fromkeys(range(0, 30, 5), 96.0)


def test_samples_of_a_quarter_of_an_hour_are_an_alert_and_a_message_and_then_it_is_over(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None]
) -> None:
    with web(OK) as inbox:
        settings = prepared(
            {"i-1": {**BUSY, 30: 5.0}, "i-2": {**BUSY, 30: 5.0} | dict.fromkeys(range(0, 30, 5), 1.0)},
            routes={"x": hook(inbox)},
        )
        for minute in range(0, 35, 5):
            clock(period(minute).end + timedelta(minutes=2))
            monitor.monitor_period(period(minute), settings)

    assert changes(settings) == [
        ("10:15", "threshold_now", "local/local/i-1", "firing"),
        ("10:35", "threshold_now", "local/local/i-1", "resolved"),
    ]
    messages = sorted(open_lake(settings).read(NOTIFICATION).to_pylist(), key=lambda row: row["as_of"])
    assert [(f"{row['as_of']:%H:%M}", row["kind"], row["state"]) for row in messages] == [
        ("10:15", "firing", "sent"),
        ("10:35", "resolved", "sent"),
    ]
    assert len(inbox.ids) == 2
    latency = open_lake(settings).query("SELECT as_of, published_after_s, messages, told_after_s FROM views.monitor_latency")
    found = {f"{row['as_of']:%H:%M}": row for row in latency.to_pylist()}
    assert (len(found), found["10:15"]["messages"], found["10:20"]["messages"]) == (7, 1, 0)
    assert (found["10:15"]["published_after_s"], found["10:15"]["told_after_s"]) == (120, 120)
    assert open_lake(settings).read(CHECK_RESULT).num_rows == open_lake(settings).read(QUALITY_RESULT).num_rows == 0


def test_requests_that_fail_are_told_once_by_the_rule_of_their_share_and_not_by_that_of_the_budget_too(
    tmp_path: Path, clock: Callable[[datetime], None]
) -> None:
    file = tmp_path / "samples.csv"
    lines = [
        f"{(TEN + timedelta(minutes=minute)).isoformat()},elb-1,{metric},{value},{unit}"
        for minute in range(0, 50, 5)
        for metric, value, unit in (("error_rate", 5 if minute >= 30 else 0, "percent"), ("response_time", 900, "ms"))
    ]
    file.write_text("\n".join(["ts,resource_id,metric,value,unit", *lines]) + "\n")
    with web(OK) as inbox:
        options = {"sources": {"csv": {"path": str(file), "period_s": 300}}}
        settings = settings_module.load({}, home=tmp_path / "home", sources=("csv",), options=options, routes={"x": hook(inbox)})
        for minute in range(0, 50, 5):
            clock(period(minute).end + timedelta(minutes=2))
            monitor.monitor_period(period(minute), settings)

    assert changes(settings) == [
        ("10:45", "burn_rate", "local/local/elb-1", "suppressed"),
        ("10:45", "service_now", "local/local/elb-1", "firing"),
    ]
    assert len(inbox.ids) == 1


def test_a_source_that_is_down_is_told_of_when_its_samples_are_old(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prepared({"i-1": {0: 1.0}, "i-2": {0: 1.0}})
    clock(period(0).end)
    monitor.monitor_period(period(0), settings)

    def down(*_: object, **__: object) -> None:
        raise SourceError("the file is gone")

    monkeypatch.setattr("pipeline.sources.csv.fetch", down)
    clock(period(15).end)
    with pytest.raises(SourceError, match="the file is gone"):
        monitor.monitor_period(period(15), settings)

    assert changes(settings) == [
        ("10:20", "no_data", "local/local/i-1", "suppressed"),
        ("10:20", "no_data", "local/local/i-2", "suppressed"),
        ("10:20", "no_data", "source csv", "firing"),
    ]


def test_where_the_samples_could_not_be_put_together_no_source_is_called_silent_and_what_is_open_stays(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prepared({"i-1": BUSY, "i-2": BUSY | dict.fromkeys(range(10, 45, 5), 1.0)})
    for minute in (0, 5, 10):
        clock(period(minute).end)
        monitor.monitor_period(period(minute), settings)

    def broken(*_: object, **__: object) -> None:
        raise DataError("a sample is no number")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.steps.build.build", broken)
        clock(period(40).end)
        with pytest.raises(DataError, match="a sample is no number"):
            monitor.monitor_period(period(40), settings)
    found_then = changes(settings)
    clock(period(40).end + timedelta(seconds=30))
    monitor.monitor_period(period(40), settings)

    assert found_then == [("10:15", "threshold_now", "local/local/i-1", "firing")]
    assert [each for each in changes(settings) if each[0] == "10:45"] == [("10:45", "no_data", "local/local/i-1", "firing")]


def test_of_two_sources_one_that_is_down_does_not_hold_up_the_other(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_csv = prepared({"i-1": {0: 1.0}})
    options = {"sources": {**of_csv.options["sources"], "prometheus": {"url": "http://127.0.0.1:1"}}}
    settings = of_csv.model_copy(update={"sources": ("prometheus", "csv"), "options": options})

    def down(*_: object, **__: object) -> None:
        raise SourceError("nobody answers")

    monkeypatch.setattr("pipeline.sources.prometheus.fetch", down)
    clock(period(0).end)
    with pytest.raises(SourceError, match="nobody answers"):
        monitor.monitor_period(period(0), settings)

    assert open_lake(settings).read(METRIC_5MIN).num_rows == 1


def test_a_sample_that_came_late_is_there_in_the_next_period_but_not_after_it_may_be(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None]
) -> None:
    clock(period(5).end)
    monitor.monitor_period(period(5), prepared({"i-1": {5: 1.0}}))
    settings = prepared({"i-1": {-5: 7.0, 0: 8.0, 5: 1.0, 10: 2.0}})
    monitor.monitor_period(period(10), settings)

    found = {f"{row['ts']:%H:%M}": row["mean"] for row in open_lake(settings).read(METRIC_5MIN).to_pylist()}
    assert found == {"10:00": 8.0, "10:05": 1.0, "10:10": 2.0}


@pytest.fixture
def drift_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "alerts", lambda: ["alerts.model_drift", "alerts.threshold_now", "alerts.no_data"])


def drifts(settings: Settings, interval: Interval) -> None:
    row = {"as_of": interval.as_of, "metric": "cpu_utilization", "granularity": "day", "scored": 9, "scored_before": 9}
    row |= {"pinball_to_naive": 0.9, "pinball_to_naive_before": 0.5, "drifted": True, "retrain": True, "reason": "it grew"}
    open_lake(settings).replace(DRIFT, conform(DRIFT.frame([row]), DRIFT, interval), DRIFT.scope(interval))


@pytest.mark.usefixtures("drift_rule")
def test_neither_rhythm_ends_nor_silences_what_the_other_found_also_where_both_end_at_midnight(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None]
) -> None:
    day, midnight = Interval.day("2026-03-02"), Interval.day("2026-03-02").end
    last = [Interval(midnight - timedelta(minutes=end + 5), midnight - timedelta(minutes=end)) for end in (10, 5, 0)]
    after = Interval(midnight, midnight + timedelta(minutes=5))
    busy = {int((each.start - TEN).total_seconds() // 60): 97.0 for each in (*last, after)}
    with web(OK) as inbox:
        settings = prepared({"i-1": busy}, routes={"x": hook(inbox)})
        for each in (*last, after):
            clock(each.end + timedelta(minutes=2))
            monitor.monitor_period(each, settings)
        clock(midnight + timedelta(hours=3))
        drifts(settings, day)
        alert_step.alert_at(day, open_lake(settings), settings, Clock(now=lambda: midnight + timedelta(hours=3)))
        monitor.monitor_period(after, settings)

    assert changes(settings) == [
        ("00:00", "model_drift", "segment cpu_utilization/day", "firing"),
        ("00:00", "threshold_now", "local/local/i-1", "firing"),
    ]
    # Of a day that ended before periods that were told of, people are told nevertheless.
    assert len(inbox.ids) == 2


def test_periods_that_were_missed_long_ago_tell_nobody(
    prepared: Callable[..., Settings], clock: Callable[[datetime], None]
) -> None:
    with web(OK) as inbox:
        settings = prepared({"i-1": BUSY}, routes={"x": hook(inbox)})
        clock(TEN + timedelta(days=3))
        for minute in (0, 5, 10):
            monitor.monitor_period(period(minute), settings)

    assert changes(settings) == [("10:15", "threshold_now", "local/local/i-1", "firing")]
    assert inbox.ids == []


def test_the_newest_period_is_the_last_one_that_has_settled() -> None:
    settings = settings_module.load({})

    assert monitor.newest_period(TEN + timedelta(minutes=6, seconds=59), settings) == period(-5)
    assert monitor.newest_period(TEN + timedelta(minutes=7), settings) == period(0)


def test_each_rule_is_asked_in_one_rhythm_and_a_part_of_a_day_asks_those_of_minutes() -> None:
    rules = read_rules()
    of_days, of_minutes = (choose_rules(rules, interval) for interval in (Interval.day("2026-03-02"), period(0)))

    assert set(of_minutes) == {"burn_rate", "incident_now", "no_data", "service_now", "threshold_now"}
    assert of_days.keys() | of_minutes.keys() == rules.keys()
    assert not of_days.keys() & of_minutes.keys()


@pytest.mark.parametrize(("value", "complaint"), [(420, "multiple of 300"), (2700, None), (3300, "expected a divisor of a day")])
def test_a_period_is_minutes_that_make_up_a_day(value: int, complaint: str | None) -> None:
    if complaint is None:
        assert settings_module.load({}, monitor_period_s=value).monitor_period_s == value
    else:
        with pytest.raises(ConfigError, match=f"monitor_period_s=.*{complaint}"):
            settings_module.load({}, monitor_period_s=value)


def test_how_late_people_knew_counts_the_messages_of_every_rule_of_minutes_and_of_no_other() -> None:
    named = {each.this for each in sql.parse(sql.text("views.monitor_latency")).find_all(exp.Literal)}

    assert named & read_rules().keys() == choose_rules(read_rules(), period(0)).keys()
