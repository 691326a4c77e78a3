"""How alerts stand after runs, for who keeps their state: from rows alone, without a lake."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pipeline.alerting.decide import Decision, Known, Limits, Row, decide
from pipeline.alerting.message import Standing
from pipeline.alerting.rules import Fired, Rule
from pipeline.alerting.standing import list_standing
from pipeline.tables.columns import ACKNOWLEDGED, FIRING, RESOLVED, SUPPRESSED

NOON = datetime(2026, 3, 15, 12)
FIVE = timedelta(minutes=5)
LATER = timedelta(seconds=90)
RULE = Rule(
    "threshold_now", "CPU is above its threshold now", ("critical", "warning"), "Work is slow.", "Look at top.", "monitor"
)
CPU = Fired("threshold_now", "1/r/i-1", "cpu_utilization now", "warning", NOON - FIVE, 83.0, 80.0, "percent", "It goes on.")
LIMITS = Limits(dict.fromkeys(("critical", "warning", "info"), timedelta(hours=1)), flaps=3, within=timedelta(hours=24))


class Runs:
    """Runs of five minutes one after the other, and how the alerts stand after each."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def run(self, periods: int, *fired: Fired, unanswered: frozenset[str] = frozenset(), **limits: Any) -> list[Standing]:
        as_of = NOON + periods * FIVE
        before = [row for row in self.rows if row["as_of"] != as_of or row["state"] == ACKNOWLEDGED]
        tried = [row for row in self.rows if row not in before]
        settled = Limits(LIMITS.repeat, LIMITS.flaps, LIMITS.within, **limits)
        made: Decision = decide(fired, Known(self.rows), (), as_of, as_of + LATER, settled, unanswered)
        self.rows = [*before, *made.changes]
        return list_standing(before, tried, made, as_of + LATER, lambda _: FIVE, {RULE.name: RULE}, "s3://lake/report.html")


def ends(standing: list[Standing]) -> list[tuple[str, str, datetime]]:
    return [(each.severity, each.kind, each.ends_at) for each in standing]


def test_what_fires_stands_for_three_periods_from_now_in_every_run_and_what_is_over_ended_when_that_was_found() -> None:
    runs = Runs()

    first, second, third = runs.run(0, CPU), runs.run(1, CPU), runs.run(2)

    assert ends(first) == [("warning", FIRING, NOON + LATER + 3 * FIVE)]
    assert ends(second) == [("warning", FIRING, NOON + FIVE + LATER + 3 * FIVE)]
    assert ends(third) == [("warning", RESOLVED, NOON + 2 * FIVE)]
    assert {each.alert_id for each in (*first, *second, *third)} == {first[0].alert_id}
    assert {each.starts_at for each in (*first, *second, *third)} == {CPU.since}
    assert (first[0].title, first[0].to_do) == (RULE.title, RULE.to_do)
    assert first[0].body == "observed 83 percent, expected 80 percent; It goes on.; Work is slow."


def test_that_an_alert_is_over_is_said_until_it_would_have_lapsed() -> None:
    runs = Runs()
    runs.run(0, CPU)

    said = [len(runs.run(periods)) for periods in range(1, 6)]

    assert said == [1, 1, 1, 0, 0]


def test_an_alert_that_becomes_graver_has_ended_as_what_it_was_before() -> None:
    runs = Runs()
    runs.run(0, CPU)

    graver = runs.run(1, Fired(**{**CPU.__dict__, "severity": "critical"}))
    milder_again = runs.run(2, CPU)

    assert ends(graver) == [
        ("critical", FIRING, NOON + FIVE + LATER + 3 * FIVE),
        ("warning", RESOLVED, NOON + FIVE),
    ]
    assert [(severity, kind) for severity, kind, _ in ends(milder_again)] == [("critical", RESOLVED), ("warning", FIRING)]


def test_what_fires_again_is_not_over() -> None:
    runs = Runs()
    runs.run(0, CPU)
    runs.run(1)

    again = runs.run(2, CPU)

    assert [kind for _, kind, _ in ends(again)] == [FIRING]


def test_what_a_run_that_is_made_again_finds_no_more_has_ended() -> None:
    runs = Runs()
    runs.run(0, CPU)

    assert ends(runs.run(0)) == [("warning", RESOLVED, NOON)]


def test_what_a_run_that_is_made_again_cannot_ask_for_goes_on() -> None:
    runs = Runs()
    runs.run(0, CPU)

    again = runs.run(0, unanswered=frozenset({CPU.rule}))

    assert ends(again) == [("warning", FIRING, NOON + LATER + 3 * FIVE)]


def test_a_run_that_is_made_again_and_finds_the_same_says_the_same() -> None:
    runs = Runs()

    assert runs.run(0, CPU) == runs.run(0, CPU)
    assert runs.run(1) == runs.run(1)


def test_an_alert_of_a_rule_that_could_not_be_asked_goes_on_and_so_does_one_that_a_person_took() -> None:
    runs = Runs()
    runs.run(0, CPU)
    runs.rows.append({**runs.rows[0], "as_of": NOON + LATER, "state": ACKNOWLEDGED, "reason": "I am on it"})

    stands = runs.run(1, unanswered=frozenset({CPU.rule}))

    assert ends(stands) == [("warning", FIRING, NOON + FIVE + LATER + 3 * FIVE)]


def test_what_nobody_is_told_of_there_is_suppressed_and_stands_all_the_same() -> None:
    runs = Runs()
    runs.run(0, CPU)
    quiet = {(CPU.rule, CPU.subject, CPU.cause, CPU.severity): "silenced in Alertmanager: 1f"}

    stands = runs.run(1, CPU, quiet=quiet)

    assert (runs.rows[-1]["state"], runs.rows[-1]["suppressed_by"]) == (SUPPRESSED, "silenced in Alertmanager: 1f")
    assert ends(stands) == [("warning", FIRING, NOON + FIVE + LATER + 3 * FIVE)]
    # Once it is graver than what was silenced, people are told.
    runs.run(2, Fired(**{**CPU.__dict__, "severity": "critical"}), quiet=quiet)
    assert runs.rows[-1]["state"] == FIRING


def test_a_run_long_past_says_nothing_of_now() -> None:
    made = decide([CPU], Known(), (), NOON, NOON + timedelta(hours=25), LIMITS)

    assert made.standing is None
    assert len(made.changes) == 1
