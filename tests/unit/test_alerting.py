"""What changes of alerts in a run, and what a person is told: rules, windows, routes and messages, without a lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerting.decide import Decision, Known, Limits, Row, decide
from pipeline.alerting.heard import Said, choose_withheld, routes_told
from pipeline.alerting.message import message_id, render
from pipeline.alerting.rules import Fired, Rule, parse_rule
from pipeline.alerting.windows import Window, parse_windows
from pipeline.errors import ConfigError
from pipeline.inputs.alerts import find_behind, read_rules
from pipeline.lake import sql
from pipeline.routes import Route
from pipeline.tables.columns import ACKNOWLEDGED, FIRING, RESOLVED, SUPPRESSED

DAY = datetime(2026, 3, 15)
HOUR = timedelta(hours=1)
LIMITS = Limits(
    {"critical": timedelta(minutes=30), "warning": HOUR, "info": timedelta(days=1)}, flaps=3, within=timedelta(hours=24)
)
CPU = Fired("threshold", "1/r/i-1", "cpu_utilization", "warning", DAY - 5 * HOUR, 97.0, 95.0, "percent", "It goes on.")


class Runs:
    """Runs one after the other, each with what those before left behind."""

    def __init__(self, **limits: Any) -> None:
        self.limits = replace(LIMITS, **limits)
        self.rows: list[Row] = []
        self.said: list[Said] = []
        self.windows: tuple[Window, ...] = ()

    def run(self, as_of: datetime, *fired: Fired, late: timedelta = 3 * HOUR, unanswered: Sequence[str] = ()) -> Decision:
        known = Known(self.rows, self.said)
        made = decide(fired, known, self.windows, as_of, as_of + late, self.limits, frozenset(unanswered))
        self.rows = [row for row in self.rows if row["as_of"] != as_of or row["state"] == ACKNOWLEDGED] + list(made.changes)
        # What was queued stays queued, also where the run is made again.
        self.said = list(dict.fromkeys([*self.said, *(Said(n.group_id, as_of, n.kind, "oncall") for n in made.news)]))
        return made

    def acknowledge(self, row: Row, at: datetime) -> None:
        self.rows.append({**row, "as_of": at, "state": ACKNOWLEDGED, "reason": "I am on it"})


def states(made: Decision) -> list[tuple[str, str]]:
    return sorted((row["rule"], row["state"]) for row in made.changes)


def test_an_alert_is_one_row_when_it_fires_and_one_when_it_is_over_and_nothing_between() -> None:
    runs = Runs()

    first, second, third = (
        runs.run(DAY, CPU),
        runs.run(DAY + HOUR / 2, CPU),
        runs.run(DAY + HOUR, replace(CPU, subject="1/r/i-2")),
    )

    assert states(first) == [("threshold", FIRING)]
    assert states(second) == []
    assert states(third) == [("threshold", FIRING), ("threshold", RESOLVED)]
    [over] = [row for row in third.changes if row["state"] == RESOLVED]
    assert over["alert_id"] == first.changes[0]["alert_id"]
    assert [(news.kind, len(news.alerts)) for news in third.news] == [(FIRING, 1), (RESOLVED, 1)]


def test_one_that_comes_back_is_another_alert() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU)
    runs.run(DAY + HOUR)

    assert runs.run(DAY + 2 * HOUR, CPU).changes[0]["alert_id"] != first.changes[0]["alert_id"]


def test_alerts_of_one_resource_and_cause_are_one_message_and_the_warning_is_suppressed_under_the_critical() -> None:
    runs = Runs()
    full = replace(CPU, rule="disk_full", severity="critical")

    made = runs.run(DAY, CPU, full, replace(full, rule="risk"))

    assert states(made) == [("disk_full", FIRING), ("risk", FIRING), ("threshold", SUPPRESSED)]
    [news] = made.news
    assert [row["rule"] for row in news.alerts] == ["disk_full", "risk"]
    [row] = [row for row in made.changes if row["state"] == SUPPRESSED]
    assert row["suppressed_by"] == "a graver alert: disk_full"
    assert states(runs.run(DAY + HOUR, CPU)) == [("disk_full", RESOLVED), ("risk", RESOLVED), ("threshold", FIRING)]


def test_what_depends_on_a_dead_source_is_suppressed_and_stays_open_while_the_source_is_silent() -> None:
    runs = Runs()
    holes = replace(CPU, rule="completeness", cause="completeness", depends_on="source csv")
    dead = Fired("source_silent", "source csv", "delivery", "critical", DAY)

    runs.run(DAY, holes)
    made = runs.run(DAY + HOUR, holes, dead)
    silent = runs.run(DAY + 2 * HOUR, dead)

    assert states(made) == [("completeness", SUPPRESSED), ("source_silent", FIRING)]
    assert made.untold == {"what it depends on": 1}
    assert states(silent) == [], "no data is no sign that all is well"
    assert states(runs.run(DAY + 3 * HOUR)) == [("completeness", RESOLVED), ("source_silent", RESOLVED)]


def test_a_rule_behind_another_tells_nothing_beside_an_alert_of_it_that_is_as_grave() -> None:
    runs = Runs(behind={"incident": ("threshold",)})
    odd = replace(CPU, rule="incident", cause="anomaly", detail="cpu_utilization, hours: 5; all metrics: cpu_utilization.")

    made = runs.run(DAY, odd, CPU, replace(odd, subject="1/r/i-2"))
    graver = runs.run(DAY + HOUR, replace(odd, severity="critical"), CPU)
    alone = runs.run(DAY + 2 * HOUR, odd)

    assert states(made) == [("incident", FIRING), ("incident", SUPPRESSED), ("threshold", FIRING)]
    assert sorted(news.alerts[0]["subject"] for news in made.news) == ["1/r/i-1", "1/r/i-2"]
    assert made.untold == {"what another alert says": 1}
    [row] = [row for row in made.changes if row["state"] == SUPPRESSED]
    assert row["suppressed_by"] == "what another alert says: threshold"
    assert ("incident", FIRING) in states(graver), "critical beside a warning is told"
    assert ("threshold", RESOLVED) in states(alone)


def test_a_rule_behind_another_is_told_beside_an_alert_about_a_metric_that_it_does_not_name() -> None:
    runs = Runs(behind={"incident_now": ("threshold_now",)})
    full = replace(CPU, rule="threshold_now", cause="disk_utilization now")
    odd = replace(CPU, rule="incident_now", cause="anomaly now")
    network = replace(odd, detail="network_in, hours: 5; all metrics: network_in,network_out.")

    made = runs.run(DAY, full, network)
    both = runs.run(
        DAY + HOUR, full, replace(odd, detail="cpu_utilization, hours: 5; all metrics: cpu_utilization,disk_utilization.")
    )

    assert states(made) == [("incident_now", FIRING), ("threshold_now", FIRING)], "a disk that stands full hides nothing else"
    assert states(both) == [("incident_now", SUPPRESSED)]


def test_a_rule_may_stand_behind_one_that_stands_behind_another_whatever_they_are_called() -> None:
    runs = Runs(behind={"a_rule": ("incident",), "incident": ("threshold",)})
    odd = replace(CPU, rule="incident", cause="anomaly", detail="network_in.")

    made = runs.run(DAY, replace(odd, rule="a_rule", cause="mine", detail="It is an anomaly."), odd)

    assert states(made) == [("a_rule", SUPPRESSED), ("incident", FIRING)]


def test_the_gravest_of_a_group_comes_first_in_its_message_also_where_its_rule_stands_behind_another() -> None:
    runs = Runs(behind={"incident": ("threshold",)})
    grave = replace(CPU, rule="incident", cause="anomaly", severity="critical")

    [news] = runs.run(DAY, grave, replace(CPU, rule="mine", cause="anomaly")).news

    assert (news.severity, len(news.alerts)) == ("critical", 2)


def test_a_rule_behind_another_is_told_where_nobody_is_told_of_that() -> None:
    runs = Runs(behind={"incident": ("threshold",)})
    dead = Fired("source_silent", "source csv", "delivery", "critical", DAY)

    odd = replace(CPU, rule="incident", cause="anomaly", detail="cpu_utilization.")
    made = runs.run(DAY, replace(CPU, depends_on="source csv"), dead, odd)

    assert states(made) == [("incident", FIRING), ("source_silent", FIRING), ("threshold", SUPPRESSED)]


def test_a_route_is_told_no_more_than_it_may_be_in_seven_days_and_what_is_critical_does_not_count() -> None:
    told = [Said("a", DAY - day * 24 * HOUR, FIRING, "mail") for day in (1, 6, 7)]
    told += [Said("a", DAY - HOUR, RESOLVED, "mail"), Said("b", DAY - HOUR, FIRING, "mail", withheld=True)]
    told += [Said("c", DAY - minutes * HOUR / 2, FIRING, "mail", severity="critical") for minutes in range(1, 48)]
    told += [Said("a", DAY, FIRING, "mail"), Said("a", DAY - HOUR, FIRING, "oncall")]

    withheld = [choose_withheld({"x": "warning"}, told, "mail", DAY, weekly) for weekly in (3, 4)]

    assert withheld == [{"x"}, set()], "two of days before, and one that this run has queued already"


def test_of_what_is_equally_grave_a_route_hears_first_of_what_it_never_heard_of() -> None:
    told = [Said("a", DAY - 8 * 24 * HOUR, FIRING, "mail"), Said("b", DAY - 9 * 24 * HOUR, FIRING, "mail")]
    told += [Said(group, DAY - 24 * HOUR, FIRING, "mail", withheld=True) for group in "abc"]
    told += [Said("c", DAY - 24 * HOUR, FIRING, "oncall")]
    new = {"a": "warning", "b": "warning", "c": "warning", "d": "info"}

    withheld = [choose_withheld(new, told, "mail", DAY, weekly) for weekly in (1, 2, 3)]

    assert withheld == [{"a", "b", "d"}, {"a", "d"}, {"d"}]


def test_what_was_withheld_is_tried_again_a_day_later_however_long_it_is_until_what_was_told_is_repeated() -> None:
    long = Runs(repeat={**LIMITS.repeat, "warning": timedelta(days=30)})
    long.run(DAY, CPU)
    group = long.said[0].group_id

    long.said = [Said(group, DAY, FIRING, "mail", withheld=True)]
    withheld = [len(long.run(DAY + hours * HOUR, CPU).news) for hours in (23, 24)]
    long.said = [Said(group, DAY, FIRING, "oncall"), Said(group, DAY, FIRING, "mail", withheld=True)]
    told = len(long.run(DAY + 24 * HOUR, CPU).news)

    assert (withheld, told) == ([0, 1], 0)


def test_nobody_hears_that_it_is_over_of_what_was_withheld() -> None:
    said = [Said("a", DAY - HOUR, FIRING, "mail", withheld=True), Said("a", DAY - HOUR, FIRING, "oncall")]

    assert routes_told(said, "a", DAY) == {"oncall"}


def test_what_still_fires_is_told_again_after_the_interval_of_its_severity() -> None:
    runs = Runs()

    made = [runs.run(DAY + timedelta(minutes=minutes), CPU) for minutes in (0, 30, 59, 60, 100, 120)]

    assert [len(each.news) for each in made] == [1, 0, 0, 1, 0, 1]
    assert made[1].untold == {"told before": 1}


def test_one_that_gets_graver_is_told_at_once_and_one_that_gets_milder_too() -> None:
    runs = Runs()
    runs.run(DAY, CPU)

    graver = runs.run(DAY + HOUR / 6, replace(CPU, severity="critical"))
    milder = runs.run(DAY + HOUR / 3, CPU)

    assert [each.news[0].severity for each in (graver, milder)] == ["critical", "warning"]
    assert graver.changes[0]["alert_id"] == milder.changes[0]["alert_id"]


def test_an_acknowledged_alert_is_told_no_more_until_it_is_graver_or_over() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU)
    runs.acknowledge(first.changes[0], DAY + 5 * HOUR)

    quiet = runs.run(DAY + 24 * HOUR, CPU)
    graver = runs.run(DAY + 48 * HOUR, replace(CPU, severity="critical"))
    runs.acknowledge(graver.changes[0], DAY + 50 * HOUR)
    over = runs.run(DAY + 72 * HOUR)

    assert (quiet.changes, quiet.news, quiet.untold) == ((), (), {"acknowledged": 1})
    assert [news.severity for news in graver.news] == ["critical"]
    assert [news.kind for news in over.news] == [RESOLVED]


def test_an_acknowledgement_is_of_one_alert_and_does_not_silence_the_next() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU)
    runs.acknowledge(first.changes[0], DAY + HOUR)
    runs.run(DAY + 24 * HOUR)

    assert len(runs.run(DAY + 48 * HOUR, CPU).news) == 1


def test_an_alert_that_comes_and_goes_is_flapping_until_it_has_been_calm() -> None:
    runs = Runs()
    for day in range(6):
        runs.run(DAY + timedelta(days=day), *([CPU] if day % 2 == 0 else []))

    flapping = runs.run(DAY + timedelta(days=6), CPU)
    runs.run(DAY + timedelta(days=7))
    calm = runs.run(DAY + timedelta(days=15), CPU)

    assert (flapping.changes[0]["suppressed_by"], flapping.news) == ("flapping", ())
    assert len(calm.news) == 1


def test_in_a_maintenance_window_nobody_is_told_and_after_it_somebody_is() -> None:
    runs = Runs()
    runs.windows = (Window(name="patching", start=DAY - 6 * HOUR, end=DAY + HOUR, subjects=("1/r/*",)),)

    other = replace(CPU, subject="2/r/i-1")
    during = runs.run(DAY, CPU, other)

    assert during.untold == {"maintenance": 1}
    assert [news.alerts[0]["subject"] for news in during.news] == ["2/r/i-1"]
    runs.windows = (Window(name="patching", start=DAY - HOUR, end=DAY + HOUR),)
    assert len(runs.run(DAY + 2 * HOUR, CPU, other).news) == 2


def test_a_backfill_changes_alerts_and_tells_nobody() -> None:
    old, runs = Runs(), Runs()

    late = old.run(DAY, CPU, late=timedelta(days=3))
    runs.run(DAY + timedelta(days=1), replace(CPU, subject="1/r/i-9"))
    overtaken = runs.run(DAY, CPU)

    for made in (late, overtaken):
        assert states(made) == [("threshold", FIRING)]
        assert (made.news, made.untold) == ((), {"of a run long past": 1})


def test_alerts_of_a_rule_that_could_not_be_asked_stay_as_they_are() -> None:
    runs = Runs()
    runs.run(DAY, CPU)

    assert runs.run(DAY + HOUR, unanswered=["threshold"]).changes == ()
    assert states(runs.run(DAY + 2 * HOUR)) == [("threshold", RESOLVED)]


def test_what_a_run_told_and_finds_no_more_when_it_is_made_again_is_over_and_told() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU)

    mended, once_more = runs.run(DAY), runs.run(DAY)

    assert states(mended) == [("threshold", RESOLVED)]
    assert mended.changes[0]["alert_id"] == first.changes[0]["alert_id"]
    assert [(news.kind, len(news.alerts)) for news in mended.news] == [(RESOLVED, 1)]
    assert once_more == mended
    assert (runs.run(DAY + 24 * HOUR).changes, runs.run(DAY + 24 * HOUR).news) == ((), ())


def test_what_nobody_was_told_of_is_gone_where_a_run_that_is_made_again_does_not_find_it() -> None:
    runs = Runs()
    runs.run(DAY, CPU, late=timedelta(days=3))

    assert runs.run(DAY, late=timedelta(days=3)).changes == ()


def test_what_a_person_took_though_nobody_was_told_is_over_where_a_run_that_is_made_again_does_not_find_it() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU, late=timedelta(days=3))
    runs.acknowledge(first.changes[0], DAY + HOUR)

    again = runs.run(DAY, late=timedelta(days=3))

    assert (states(again), again.changes[0]["alert_id"], again.news) == (
        [("threshold", RESOLVED)],
        first.changes[0]["alert_id"],
        (),
    )


def test_a_run_that_is_made_again_without_an_answer_of_a_rule_keeps_what_the_rule_found_before() -> None:
    runs = Runs()
    first = runs.run(DAY, CPU)

    again = runs.run(DAY, unanswered=["threshold"])

    assert (again.changes, again.news) == (first.changes, ())


def test_that_it_is_over_is_told_by_the_next_run_in_time_where_the_run_that_found_it_was_too_late() -> None:
    runs = Runs()
    runs.run(DAY, CPU)

    late = runs.run(DAY + 24 * HOUR, late=30 * HOUR)
    next_one, then = runs.run(DAY + 48 * HOUR), runs.run(DAY + 72 * HOUR)

    assert (states(late), late.news) == ([("threshold", RESOLVED)], ())
    assert [(news.kind, news.alerts[0]["as_of"]) for news in next_one.news] == [(RESOLVED, DAY + 24 * HOUR)]
    assert then.news == ()


def test_a_group_is_not_over_while_one_of_its_alerts_could_not_be_asked_for() -> None:
    runs = Runs()
    runs.run(DAY, CPU, replace(CPU, rule="risk"))

    made = runs.run(DAY + HOUR / 2, unanswered=["risk"])

    assert (states(made), made.news) == ([("threshold", RESOLVED)], ())


def test_that_a_group_is_over_is_for_the_routes_that_were_told_last_that_it_fires() -> None:
    said = [
        Said("g", DAY, FIRING, "first"),
        Said("g", DAY + HOUR, RESOLVED, "first"),
        Said("g", DAY + HOUR, FIRING, "second"),
        Said("g", DAY + 2 * HOUR, RESOLVED, "second"),
        Said("other", DAY, FIRING, "third"),
    ]

    assert [routes_told(said, "g", DAY + hours * HOUR) for hours in (0, 1, 2, 3)] == [
        {"first"},
        {"first", "second"},
        {"second"},
        set(),
    ]


FIRED = st.builds(
    Fired,
    rule=st.sampled_from(["threshold", "disk_full"]),
    subject=st.sampled_from(["1/r/i-1", "1/r/i-2", "source csv"]),
    cause=st.sampled_from(["cpu", "disk"]),
    severity=st.sampled_from(["critical", "warning", "info"]),
    since=st.just(DAY),
    depends_on=st.sampled_from([None, "source csv"]),
)
DAYS = st.lists(st.lists(FIRED, max_size=5), min_size=1, max_size=5)


@settings(max_examples=60, deadline=None)
@given(days=DAYS, chance=st.randoms())
def test_the_order_of_rows_changes_nothing_and_a_run_that_is_made_again_decides_the_same(
    days: list[list[Fired]], chance: Any
) -> None:
    runs = Runs()
    for number, fired in enumerate(days):
        as_of = DAY + timedelta(days=number)
        made = runs.run(as_of, *fired)
        chance.shuffle(runs.rows)
        chance.shuffle(runs.said)
        assert runs.run(as_of, *chance.sample(fired, len(fired))) == made


@settings(max_examples=60, deadline=None)
@given(days=DAYS)
def test_whatever_fires_is_told_or_suppressed_with_a_reason_and_never_both(days: list[list[Fired]]) -> None:
    runs = Runs()
    for number, fired in enumerate(days):
        made = runs.run(DAY + timedelta(days=number), *fired)
        told = [row for news in made.news for row in news.alerts if news.kind == FIRING]
        assert all(row["suppressed_by"] is None for row in told)
        assert len({row["group_id"] for row in told}) == len([news for news in made.news if news.kind == FIRING])
        groups = {(each.subject, each.cause) for each in fired}
        assert len(groups) == len({row["group_id"] for row in told}) + sum(made.untold.values())
        assert all((row["state"] == SUPPRESSED) == (row["suppressed_by"] is not None) for row in made.changes)


def test_that_what_happened_once_is_found_no_more_is_no_message_but_where_its_run_is_made_again_and_never_found_it() -> None:
    grown = replace(CPU, rule="storage_growth")
    runs, mended = Runs(ends_untold=("storage_growth",)), Runs(ends_untold=("storage_growth",))

    told, over, again = runs.run(DAY, grown), runs.run(DAY + 24 * HOUR), runs.run(DAY + 48 * HOUR, grown)
    mended.run(DAY, grown)

    assert (len(told.news), states(over), over.news, len(again.news)) == (1, [("storage_growth", RESOLVED)], (), 1)
    assert [news.kind for news in mended.run(DAY).news] == [RESOLVED]


def test_what_ends_beside_something_that_happened_once_is_told_without_it() -> None:
    runs = Runs(ends_untold=("storage_growth",))
    runs.run(DAY, CPU, replace(CPU, rule="storage_growth"))

    [news] = runs.run(DAY + 24 * HOUR).news

    assert (news.kind, [row["rule"] for row in news.alerts]) == (RESOLVED, ["threshold"])


# ---------------------------------------------------------------- rules


def test_who_asked_for_a_rule_alone_hears_it_whatever_stands_before_it() -> None:
    routes = {
        names: Route(notifier="webhook", rules=names)
        for names in ((), ("incident",), ("incident", "threshold"), ("anomaly_rate", "no_data"))
    }

    behind = find_behind(read_rules(), routes.values())

    assert {name: behind[name] for name in ("incident", "anomaly_rate", "consecutive_anomalies")} == {
        "incident": (),
        "anomaly_rate": (),
        "consecutive_anomalies": ("threshold", "service", "storage_growth"),
    }
    assert find_behind(read_rules(), [routes[()], routes["incident", "threshold"]])["incident"] == ("threshold",)


@pytest.mark.parametrize("name", [each.partition(".")[2] for each in sql.alerts()])
def test_a_rule_states_how_bad_it_is_what_it_means_and_what_to_do_and_gives_what_a_rule_gives(name: str) -> None:
    from pipeline.alerting.rules import COLUMNS

    rule = read_rules()[name]

    assert min(len(rule.means), len(rule.to_do)) > 20
    assert tuple(each.alias_or_name for each in sql.parse(sql.text(f"alerts.{name}")).selects) == COLUMNS
    assert all(read_rules()[other].rhythm == read_rules()[name].rhythm for other in read_rules()[name].behind)


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        ("-- alerts.x: something is so\n-- Severity  grave\n-- Means   a\n-- Do      b\n", "severity 'grave'"),
        ("-- alerts.x: it is so\n-- Rhythm  weekly\n-- Severity  info\n-- Means   a\n-- Do      b\n", "rhythm 'weekly'"),
        ("-- alerts.x: it is so\n-- Behind  x\n-- Severity  info\n-- Means   a\n-- Do      b\n", "behind 'x'"),
        ("-- alerts.x: it is so\n-- Ends  soon\n-- Severity  info\n-- Means   a\n-- Do      b\n", "ends 'soon'"),
        ("-- alerts.x: something is so\n-- Severity  critical\n-- Means   a\n", "`Do`"),
        ("-- another.x\n-- Severity  critical\n-- Means   a\n-- Do      b\n", "its first line"),
    ],
)
def test_a_rule_whose_head_lacks_something_is_told_so(head: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"sql/alerts/x\.sql: look at {complaint}"):
        parse_rule("x", head + "SELECT 1 AS one")


def test_what_a_head_states_goes_on_below_and_ends_with_an_empty_line() -> None:
    head = "-- alerts.x: it is so\n-- Severity  critical, info\n-- Means   one\n--         two\n--\n-- More.\n-- Do      it\n"

    assert parse_rule("x", head + "SELECT 1 AS one") == Rule("x", "it is so", ("critical", "info"), "one two", "it")


# ---------------------------------------------------------------- windows


def test_a_window_is_half_open_comes_again_until_it_ends_and_knows_its_subjects() -> None:
    [window] = parse_windows(
        '[[window]]\nname = "patching"\nstart = 2026-03-15T01:00:00+01:00\nend = 2026-03-15T02:00:00Z\nevery = "week"\n'
        'until = 2026-04-01T00:00:00Z\nsubjects = ["*/web-*"]\n',
        "calendar.toml",
    )

    covered = [window.covers("1/r/web-1", DAY + timedelta(days=days, hours=hours)) for days in (0, 7, 21) for hours in (0, 2)]
    assert covered == [True, False, True, False, False, False]
    assert not window.covers("1/r/db-1", DAY)
    assert not window.covers("1/r/web-1", DAY - HOUR)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[window]\n", "calendar.toml is not TOML"),
        ('[[window]]\nname = "x"\nstart = 2026-03-15T00:00:00Z\nend = 2026-03-14T00:00:00Z\n', "not after its start"),
        ('[[window]]\nname = "x"\nstart = 2026-03-15T00:00:00Z\nend = 2026-03-16T00:00:00Z\nevery = "day"\n', "lasts as long"),
        (
            '[[window]]\nname = "x"\nbegin = 2026-03-15T00:00:00Z\n',
            r"line 1, window x, begin: there is no such key; expected one of name, start, end",
        ),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused_with_the_window_and_the_key(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_windows(text, "calendar.toml")


# ---------------------------------------------------------------- messages and routes


def test_a_message_says_what_where_since_when_how_bad_why_what_next_and_how_to_take_it() -> None:
    made = Runs().run(DAY, replace(CPU, team="Payments"))

    title, body = render(made.news[0], read_rules(), "s3://lake/reports/latest/report.html")

    assert title == "[WARNING] 1/r/i-1 cpu_utilization: CPU, memory, disk or load stayed above its threshold"
    lines = dict(line.split(maxsplit=1) for line in body.replace("How bad", "How_bad").splitlines() if line)
    assert lines["Where"] == "1/r/i-1 cpu_utilization, team Payments"
    assert lines["Since"] == "2026-03-14 19:00 UTC"
    assert lines["How_bad"] == "warning; observed 97 percent, expected 95 percent"
    assert lines["Why"].startswith("It goes on. Work is done more slowly")
    assert lines["Next"].startswith("See what runs there")
    assert lines["Acknowledge"] == f'python -m pipeline alert ack {made.changes[0]["alert_id"]} --reason "…"'
    assert lines["Report"] == "s3://lake/reports/latest/report.html"


def test_a_name_cannot_begin_a_line_or_a_header_of_its_own() -> None:
    made = Runs().run(DAY, replace(CPU, subject="1/r/i-1\r\nBcc: all@example.com", detail="a\u2028b"))

    title, body = render(made.news[0], read_rules(), "r")

    assert title.splitlines() == [title]
    assert not any(line.startswith("Bcc") for line in body.splitlines())


def test_a_message_keeps_its_id_when_its_run_is_made_again_and_has_one_for_each_route() -> None:
    once, again = (Runs().run(DAY, CPU).news[0] for _ in range(2))

    assert message_id(once, "oncall", DAY) == message_id(again, "oncall", DAY)
    assert len({message_id(once, route, as_of) for route in ("oncall", "team") for as_of in (DAY, DAY + HOUR)}) == 4


@pytest.mark.parametrize(
    ("named", "takes"),
    [
        ({}, True),
        ({"severities": ["critical"]}, False),
        ({"severities": ["warning", "critical"], "teams": ["Payments"]}, True),
        ({"teams": ["Search"]}, False),
        ({"rules": ["threshold"]}, True),
        ({"rules": ["disk_full"]}, False),
    ],
)
def test_a_route_takes_what_meets_everything_it_names(named: dict[str, Any], takes: bool) -> None:
    assert Route(notifier="sns", **named).takes(replace(CPU, team="Payments")) is takes
