"""The scores that README gives of the detectors: what they count, and that they are what the shipped sets give."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.anomalies.scoring import score_events, total
from tools.bench_anomaly import PROFILES, Windows, detector, doubt, inside, numenta, score, score_windows

TS = np.datetime64("2026-03-01T00:00", "us") + np.arange(200) * np.timedelta64(1, "h")
README = Path(__file__).resolve().parents[2] / "README.md"


def marked(*rows: int) -> np.ndarray:
    flags = np.zeros(200, dtype=np.bool_)
    flags[list(rows)] = True
    return flags


@pytest.mark.parametrize(
    ("alerts", "found", "false"),
    [
        ((100,), 1, 0),
        ((98,), 1, 0),  # two rows before the event
        ((107,), 1, 0),  # three after its last
        ((97,), 0, 1),
        ((109,), 0, 1),
        ((120, 121, 126), 0, 1),  # one alarm speaks for six rows
        ((120, 126, 132, 138), 0, 2),  # and for no more
        ((5,), 0, 0),  # there to learn from
        ((), 0, 0),
    ],
)
def test_an_event_is_found_near_its_labels_and_other_alerts_are_false(alerts: tuple[int, ...], found: int, false: int) -> None:
    events = score_events(TS, marked(*alerts), marked(100, 104))

    assert (events.found, events.missed, events.false) == (found, 1 - found, false)


def test_labelled_rows_five_apart_are_two_events() -> None:
    events = score_events(TS, marked(100), marked(100, 105))

    assert (events.found, events.missed) == (1, 1)


def test_an_alarm_that_never_stops_scores_next_to_nothing() -> None:
    assert score_events(TS, np.ones(200, dtype=np.bool_), marked(100, 150)).f1 < 0.2


def test_a_window_is_worth_most_at_its_first_row_and_a_false_row_costs_more_the_farther_it_lies() -> None:
    window = [[str(TS[100]), str(TS[119])]]

    def gained(*rows: int) -> float:
        return score_windows(TS, marked(*rows), window).score

    assert gained() == 0
    assert gained(100) == pytest.approx(100)
    assert gained(100) > gained(110) > gained(119) > gained() > gained(125) > gained(199)
    assert gained(60) == pytest.approx(-5.5)
    assert gained(100, 101, 102) == gained(100)
    assert gained(10) == 0


def test_numentas_profiles_differ_by_what_a_false_row_and_a_missed_window_cost() -> None:
    windows = [[str(TS[100]), str(TS[119])], [str(TS[150]), str(TS[169])]]

    def gained(profile: str, *rows: int) -> float:
        return score_windows(TS, marked(*rows), windows, PROFILES[profile]).score

    assert all(gained(profile, 100, 150) == pytest.approx(100) and gained(profile) == 0 for profile in PROFILES)
    assert gained("few false", 60) == pytest.approx(2 * gained("standard", 60))
    assert gained("few missed", 60) == pytest.approx(gained("standard", 60) * 2 / 3), "as much, of what is worth more"
    assert gained("few missed", 119) > gained("standard", 119) == gained("few false", 119) > 0, "late, but not missed"


def test_readme_gives_the_figures_of_the_default_that_the_shipped_sets_give() -> None:
    said = re.search(r"\| `default` \| ([.\d]+) \(([.\d]+), ([.\d]+)\) \| ([.\d]+) \| ([.\d]+) / ([.\d]+) \|", README.read_text())
    assert said

    events, windows = score(detector("default"))

    whole = total([each for some in events.values() for each in some])
    everything, aws = (
        Windows(*np.sum([each for file, each in windows.items() if part in file], axis=0)).score for part in ("", "AWSCloudwatch")
    )
    measured = [whole.f1, whole.precision, whole.recall, whole.false / whole.days, everything, aws]
    for figure, value in zip(said.groups(), measured, strict=True):
        assert float(figure) == pytest.approx(value, abs=0.5 * 10 ** -len(figure.partition(".")[2]))


def test_by_the_hour_a_window_has_the_hours_that_it_touches() -> None:
    for (name, ts, _, windows), (_, hours, _, by_hour) in zip(numenta(), numenta(by_hour=True), strict=True):
        touched = {*ts[inside(ts, windows)].astype("datetime64[h]").tolist()}
        assert {*hours[inside(hours, by_hour)].astype("datetime64[h]").tolist()} == touched, name


def test_two_that_differ_on_one_series_alone_differ_by_about_one_standard_error() -> None:
    mine, others = np.array([[1.0], [0.0], [0.0], [0.0]]), np.zeros((4, 1))

    more, error = doubt(mine, others, lambda total: float(total[0]))

    assert more == 1
    assert error == pytest.approx(np.sqrt(0.75), rel=0.1)
    assert doubt(mine, mine, lambda total: float(total[0])) == (0, 0)
