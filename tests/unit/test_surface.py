"""Volume under the surface: a case by hand, the published definition, and who scores nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.anomalies.scoring import rank
from pipeline.anomalies.surface import WIDEST, volume, widest_buffer

HALF = np.sqrt(0.5)


def marked(n: int, *rows: int) -> np.ndarray:
    return np.isin(np.arange(n), rows)


def test_one_sample_with_a_buffer_of_two_is_what_it_is_by_hand() -> None:
    """Soft labels √½, 1, √½; wanted (1 + 1 + 2√½) / 2; thresholds that matter are its own and that of the next."""
    scores = np.array([0.1, 0.2, 0.9, 0.8, 0.3, 0.0])
    wanted = 1 + HALF
    with_two = 1 / wanted * 1 + (1 - 1 / wanted) * (1 + HALF) / 2

    assert volume(scores, marked(6, 2), 0).pr == 1
    assert volume(scores, marked(6, 2), 2).pr == pytest.approx((1 + 1 + with_two) / 3)


def test_it_is_what_a_plain_statement_of_the_definition_gives() -> None:
    """Values of loops over buffers, thresholds and stretches, written from the published definition by themselves."""
    labels = marked(240, 60, 61, 62, 120, *range(235, 240))
    scores = (np.arange(240) * 37 % 101) / 100 + 0.5 * labels

    found = volume(scores, labels, 10)

    assert found.pr == pytest.approx(0.5123044115161456, abs=1e-9)
    assert found.roc == pytest.approx(0.8484372781666575, abs=1e-9)


def test_of_one_labelled_sample_without_a_buffer_it_is_average_precision() -> None:
    scores, labels = np.random.default_rng(1).random(200), marked(200, 77)

    found = volume(scores, labels, 0)

    assert found.pr == pytest.approx(rank(scores, labels).pr_auc)
    assert found.roc == pytest.approx(rank(scores, labels).roc_auc)


def test_a_score_that_peaks_beside_a_label_is_worth_something_and_a_stretch_that_is_never_seen_costs_recall() -> None:
    labels = marked(300, 100, 101, 200, 201)
    beside, one = np.zeros(300), np.zeros(300)
    beside[[98, 198]] = 1.0
    one[[100, 101]] = 1.0

    assert volume(beside, labels, 0).pr < 0.05
    assert volume(beside, labels, 24).pr > 5 * volume(beside, labels, 0).pr
    assert 0.2 < volume(one, labels, 0).pr < 0.3


def test_one_score_for_all_is_worth_the_share_of_labels_and_nothing_labelled_is_nothing() -> None:
    assert volume(np.ones(100), marked(100, 50), 0).pr == pytest.approx(0.01)
    assert volume(np.ones(100), marked(100, 50), 0).roc == pytest.approx(0.5)
    assert np.isnan(volume(np.ones(100), marked(100), 5)).all()
    assert np.isnan(volume(np.ones(3), marked(3, 0, 1, 2), 5)).all()


@pytest.mark.parametrize(("gap", "widest"), [(3600, 24), (1800, 48), (60, WIDEST), (86_400, 1), (0, WIDEST)])
def test_the_widest_buffer_is_a_day(gap: int, widest: int) -> None:
    ts = np.datetime64("2026-03-01", "us") + np.arange(50) * np.timedelta64(gap, "s")

    assert widest_buffer(ts) == widest
    assert widest_buffer(ts[:1]) == 1
