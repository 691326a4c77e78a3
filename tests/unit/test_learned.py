"""Detectors that learn: on what, when, and that neither threads nor later samples change what they say."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline import plugs
from pipeline.anomalies.learned import check_history, excess_of, trainings
from pipeline.anomalies.profile import left_profile
from pipeline.errors import ConfigError
from tests.support.series import half_hourly

LEARNED = ("autoencoder", "isolation_forest", "local_outlier_factor", "one_class_svm")
TS, VALUES = half_hourly(20)


@pytest.mark.parametrize("name", [*LEARNED, "prophet_interval"])
def test_two_runs_with_one_seed_agree_on_one_thread_and_on_two(name: str) -> None:
    detect = plugs.load("detectors", name).detect
    answers = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            answers.append(detect(TS, VALUES).excess)

    np.testing.assert_allclose(answers[0], answers[1], rtol=0, atol=1e-9)
    assert answers[0].max() > 0


@pytest.mark.parametrize("name", [*LEARNED, "matrix_profile", "rate_of_change"])
def test_at_any_cut_what_was_said_before_it_is_what_is_said_without_what_follows(name: str) -> None:
    detect = plugs.load("detectors", name).detect
    values = VALUES.copy()
    values[600:610] += 50
    whole = detect(TS, values)
    for rows in np.random.default_rng(7).integers(480, len(TS), 4):
        np.testing.assert_allclose(detect(TS[:rows], values[:rows]).excess, whole.excess[:rows], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", LEARNED)
def test_what_is_learned_from_starts_no_earlier_than_it_is_asked_for(name: str) -> None:
    wild = VALUES.copy()
    # The last training is on 22 January. A history of a week reaches the 15th, and the usual values there the 8th.
    wild[:144] += np.random.default_rng(3).normal(0, 30, 144)
    last = np.datetime64("2026-01-22") <= TS

    def differs(history_days: int) -> bool:
        detect = plugs.bind("detectors", name, plugs.check_options("detectors", name, {"history_days": history_days}))
        calm, after_wild = (detect(TS, values).excess[last] for values in (VALUES, wild))
        assert calm.max() > 0
        return not np.allclose(calm, after_wild, rtol=0, atol=1e-9)

    assert not differs(7)
    assert differs(28)


def test_nothing_is_learned_before_six_days_were_seen_and_a_history_of_a_week_may_lack_its_first_sample() -> None:
    # Weeks are counted from a Thursday: the 15th and the 22nd of January are their beginnings.
    thursday = np.flatnonzero(np.datetime64("2026-01-15") == TS)[0]
    complete = np.ones(len(TS), dtype=np.bool_)

    def trained_on_the_15th(first: int, history_days: int, complete: np.ndarray = complete) -> bool:
        found = trainings(TS[first:], complete[first:], history_days, 168)
        return any(block[0] + first == thursday for _, block in found)

    week = 7 * 48
    assert trained_on_the_15th(thursday - 6 * 48, 28)
    assert not trained_on_the_15th(thursday - 6 * 48 + 1, 28)
    gap = complete.copy()
    gap[thursday - week] = False
    assert trained_on_the_15th(0, 7, gap)


def test_a_detector_that_learns_judges_every_hour_after_the_history_that_it_is_held_to_and_a_shorter_one_is_refused() -> None:
    ts = np.datetime64("2026-03-01", "us") + np.arange(40 * 24) * np.timedelta64(1, "h")
    values = 40 + 12 * np.sin(np.arange(len(ts)) / 24 * 2 * np.pi) + np.random.default_rng(0).normal(0, 1, len(ts))
    options = plugs.check_options("detectors", "local_outlier_factor", {"retrain_hours": 100})
    detect = plugs.bind("detectors", "local_outlier_factor", options)
    check_history("local_outlier_factor", options, 316)

    for first in range(0, 336, 24):
        rows = slice(first, first + 316 + 24)
        assert detect(ts[rows], values[rows]).judged[316:].all()
    assert not detect(ts[:216], values[:216]).judged.any()
    with pytest.raises(ConfigError, match="local_outlier_factor has retrain_hours=100 .* detect_history_hours=315 must be 316"):
        check_history("local_outlier_factor", options, 315)
    check_history("default", plugs.check_options("detectors", "default", {}), 48)


def test_prophet_needs_no_usual_value_of_an_hour_and_three_days_less() -> None:
    options = plugs.check_options("detectors", "prophet_interval", {"retrain_hours": 100})
    ts = np.datetime64("2026-03-01", "us") + np.arange(30 * 24) * np.timedelta64(1, "h")

    check_history("prophet_interval", options, 244)
    with pytest.raises(ConfigError, match="detect_history_hours=243 must be 244"):
        check_history("prophet_interval", options, 243)
    for first in range(0, 336, 24):
        blocks = [block for _, block in trainings(ts[first : first + 268], np.ones(268, dtype=np.bool_), 28, 100)]
        assert set(range(244, 268)) <= set(np.concatenate(blocks).tolist())


def test_a_training_is_at_a_fixed_moment_of_the_calendar_on_what_came_before_it() -> None:
    everything = np.ones(len(TS), dtype=np.bool_)

    found = [(TS[known[-1]], TS[block[0]], TS[block[-1]]) for known, block in trainings(TS, everything, 28, 168)]

    # The series begins on a Monday; weeks are counted from a Thursday, the first of January 1970.
    half = np.timedelta64(30, "m")
    thursdays = [np.datetime64("2026-01-15", "us"), np.datetime64("2026-01-22", "us")]
    assert found == [(day - half, day, min(day + np.timedelta64(7, "D") - half, TS[-1])) for day in thursdays]


def test_a_score_is_measured_against_the_scores_of_the_training() -> None:
    training = np.arange(101.0)

    assert excess_of(training, np.array([0.0, 50.0, 99.0, 148.0]), 2.0).tolist() == [0.0, 0.0, 0.5, 1.0]


def test_the_left_profile_is_the_distance_to_the_nearest_earlier_shape() -> None:
    rng, length = np.random.default_rng(0), 8
    values = rng.normal(50, 5, 120)
    values[100:104] += 1e4
    shapes = np.lib.stride_tricks.sliding_window_view(values, length)
    shapes = (shapes - shapes.mean(axis=1, keepdims=True)) / shapes.std(axis=1, keepdims=True)
    oldest = np.fmax(np.arange(120) - 60, 0)

    found = left_profile(values, oldest, length, np.full(120, 1e-9))

    assert np.isnan(found[: 2 * length - 1]).all()
    for end in range(2 * length - 1, 120):
        own, first = end - length + 1, max(int(oldest[end]) - length + 1, 0)
        others = shapes[first : end - 2 * length + 2]
        assert found[end] == pytest.approx(np.sqrt(((others - shapes[own]) ** 2).sum(axis=1)).min(), abs=1e-3)
