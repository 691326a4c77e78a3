"""Detectors that learn: on what, when, and that neither threads nor later samples change what they say."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline import plugs
from pipeline.anomalies.learned import excess_of, trainings
from pipeline.anomalies.profile import left_profile
from tests.support.series import half_hourly

LEARNED = ("autoencoder", "isolation_forest", "local_outlier_factor", "one_class_svm")
TS, VALUES = half_hourly(20)


@pytest.mark.parametrize("name", LEARNED)
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
    # Of the first ten days; a training looks back seven, and the last is on 22 January.
    wild[:480] += np.random.default_rng(3).normal(0, 30, 480)
    options = plugs.check_options("detectors", name, {"history_days": 7})
    detect = plugs.bind("detectors", name, options)
    last = np.datetime64("2026-01-22") <= TS

    first, second = detect(TS[480:], VALUES[480:]).excess[last[480:]], detect(TS, wild).excess[last]

    assert first.shape == second.shape
    assert (first >= 1).mean() < 0.02


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
