"""What an evaluation of detectors counts: ranks, samples and delays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from pipeline.anomalies.scoring import Events, Samples, delays, precision_at, rank, score_events, score_samples

TS = np.datetime64("2026-03-01T00:00", "us") + np.arange(100) * np.timedelta64(1, "h")


def marked(*rows: int) -> np.ndarray:
    flags = np.zeros(100, dtype=np.bool_)
    flags[list(rows)] = True
    return flags


def test_ranks_are_those_of_scikit_learn_with_ties_as_well() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(500) < 0.1
    scores = np.round(rng.random(500) + 0.4 * labels, 1)

    found = rank(scores, labels)

    assert found.roc_auc == pytest.approx(roc_auc_score(labels, scores))
    assert found.pr_auc == pytest.approx(average_precision_score(labels, scores))


def test_a_constant_score_knows_nothing() -> None:
    found = rank(np.ones(100), marked(3, 50, 51, 70))

    assert (found.roc_auc, found.pr_auc) == (0.5, 0.04)


def test_where_nothing_is_labelled_there_is_nothing_to_rank() -> None:
    found = rank(np.arange(100.0), marked())

    assert np.isnan([found.roc_auc, found.pr_auc]).all()


def test_of_samples_that_tie_for_the_last_places_their_mean_counts() -> None:
    scores = np.zeros(100)
    scores[[10, 20]], scores[[30, 40, 50, 60]] = 2.0, 1.0

    assert precision_at(scores, marked(10, 30, 40), 2) == 0.5
    assert precision_at(scores, marked(10, 30, 40), 4) == 0.5
    assert np.isnan(precision_at(scores, marked(10), 101))


def test_delay_is_from_the_first_labelled_sample_to_the_first_alert_and_never_below_nothing() -> None:
    labels = marked(*range(40, 50), *range(70, 75), 90)

    assert delays(TS, marked(43, 48, 69), labels) == [3.0, 0.0]


def test_samples_to_learn_from_are_in_no_confusion_matrix() -> None:
    assert score_samples(marked(5, 40, 60), marked(6, 40, 41)) == Samples(hit=1, missed=1, false=1, quiet=82)


def test_what_is_told_of_an_event_that_began_in_the_probation_is_neither_found_nor_false() -> None:
    events = score_events(TS, marked(10, 16, 21, 27), marked(*range(12, 20)))

    # 15 rows are there to learn from, and three after the event still belong to it.
    assert (events.found, events.missed, events.false) == (0, 0, 1)


def test_who_told_nothing_where_nothing_was_has_no_precision_no_recall_and_no_f1() -> None:
    quiet, deaf, wild = Events(0, 0, 0, 9.0), Events(0, 2, 0, 9.0), Events(0, 0, 3, 9.0)

    assert np.isnan([quiet.precision, quiet.recall, quiet.f1, deaf.precision, wild.recall]).all()
    assert (deaf.recall, deaf.f1, wild.precision, wild.f1) == (0, 0, 0, 0)
