"""Scores, severities, and how well the detectors find what was put there."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.anomalies.detection import ALERT, Silence, announce, announced_score, arrival_clock, score_of_excess, severity


def hours(count: int) -> np.ndarray:
    return np.datetime64("2026-03-01T00:00", "us") + np.arange(count) * np.timedelta64(1, "h")


def test_a_deviation_at_the_threshold_scores_a_half_and_three_times_it_three_quarters() -> None:
    assert score_of_excess(np.array([0.0, 1.0, 3.0, np.inf, np.nan])) == pytest.approx([0, 0.5, 0.75, 1, 0], abs=1e-8)


@pytest.mark.parametrize(
    ("excess", "expected"), [(0.99, ""), (1, "low"), (1.49, "low"), (1.5, "medium"), (2, "high"), (2.9, "high"), (3, "critical")]
)
def test_severity_grows_with_the_multiple_of_the_threshold(excess: float, expected: str) -> None:
    assert severity(score_of_excess(np.array([excess]))).tolist() == [expected]


def test_a_late_row_counts_as_arriving_with_the_newest_before_it() -> None:
    ts = hours(4)[[0, 2, 1, 3]]

    assert arrival_clock(ts).tolist() == hours(4)[[0, 2, 2, 3]].tolist()


def test_a_worse_sample_alerts_again_and_an_equal_one_only_after_two_quiet_days() -> None:
    clock, excess = hours(200), np.zeros(200)
    excess[[100, 101, 102, 130, 190]] = 2, 2, 3, 2, 2

    told = announce(excess, excess >= 1, clock, Silence(48, 1.0))

    assert np.flatnonzero(told).tolist() == [100, 102, 190]


def injected(seed: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """60 days of half hours with daily and weekly season; spikes and dips of 10–14 deviations, far apart."""
    rng = np.random.default_rng(seed)
    rows = 60 * 48
    ts = np.datetime64("2026-01-05T00:00", "us") + np.arange(rows) * np.timedelta64(30, "m")
    hour = np.arange(rows) / 2
    values = 50 + 10 * np.sin(2 * np.pi * hour / 24) + 5 * ((hour // 24) % 7 < 5) + 0.02 * hour / 24
    values += rng.normal(0, 1.5, rows)
    events = list(range(20 * 48 + 17, rows - 100, 5 * 48 + 31))
    for event in events:
        values[event : event + 3] += rng.choice([-1, 1]) * rng.uniform(15, 21)
    return ts, values, events


@pytest.mark.parametrize(
    ("name", "least_recall", "most_alarms"),
    [("seasonal_mad", 0.95, 0.1), ("default", 0.9, 0.1), ("bounded", 0.9, 0.1), ("novelty", 0.7, 0.1)],
)
def test_most_injected_events_are_found_with_few_false_alarms_a_day(name, least_recall, most_alarms) -> None:
    detect = plugs.load("detectors", name).detect
    found = events = alarms = days = 0
    for seed in range(4):
        ts, values, starts = injected(seed)
        alerts = np.flatnonzero(announced_score(detect(ts, values), ts) >= ALERT)
        hit = {event for event in starts if ((alerts >= event) & (alerts < event + 3)).any()}
        inside = np.isin(alerts, [row for event in starts for row in range(event, event + 3)])
        found, events = found + len(hit), events + len(starts)
        alarms, days = alarms + int((~inside).sum()), days + 60

    assert found / events >= least_recall
    assert alarms / days <= most_alarms


def quiet_hours(days: int) -> tuple[np.ndarray, np.ndarray]:
    """Hours of small noise around 20, with a peak of 60 each day at noon."""
    values = 20 + np.random.default_rng(4).normal(0, 0.5, days * 24)
    values[12::24] += 40
    return hours(days * 24), values


def test_a_peak_that_comes_each_day_is_no_alert_and_the_same_peak_at_night_is_one() -> None:
    ts, values = quiet_hours(20)
    values[15 * 24 + 3] += 40

    alerts = np.flatnonzero(plugs.load("detectors", "default").detect(ts, values).score >= ALERT)

    assert alerts[alerts >= 7 * 24].tolist() == [15 * 24 + 3]


def test_a_series_that_steps_from_nothing_now_and_then_alerts_only_at_a_step_that_is_large_for_it() -> None:
    rng = np.random.default_rng(8)
    ts, values = hours(28 * 24), np.zeros(28 * 24)
    steps = rng.choice(np.arange(0, 24 * 24, 3), 60, replace=False)
    values[steps] = rng.uniform(4, 6, 60)
    values[26 * 24] = 40

    score = plugs.load("detectors", "default").detect(ts, values).score

    assert score[26 * 24] >= ALERT
    assert (score[14 * 24 : 24 * 24] < ALERT).all()


def test_where_nothing_is_usual_yet_a_new_value_is_no_alert() -> None:
    ts, values = quiet_hours(8)
    values[[24 + 5, 7 * 24 + 5]] = 90, 130

    found = plugs.load("detectors", "default").detect(ts, values)

    assert np.isnan(found.expected[24 + 5])
    assert np.flatnonzero(found.score >= ALERT).tolist() == [7 * 24 + 5]


def test_an_incident_is_announced_again_after_six_quiet_hours_or_when_it_is_three_times_as_bad() -> None:
    clock, excess = hours(200), np.zeros(200)
    excess[[100, 102, 104, 106, 113]] = 2, 2, 7, 2, 2

    told = announce(excess, excess >= 1, clock, Silence(6, 3.0))

    assert np.flatnonzero(told).tolist() == [100, 104, 113]
