from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forecasting import metrics

HISTORY = np.array([[1.0, 2.0, 4.0, 1.0, 4.0, 8.0]])


def test_mase_divides_by_the_mean_seasonal_change_of_the_history():
    scale = metrics.absolute_scale(HISTORY, 3)

    assert scale.tolist() == [2.0]
    assert metrics.mase(np.array([[3.0, 5.0]]), np.array([[2.0, 2.0]]), scale).tolist() == [1.0]


def test_rmsse_divides_by_the_root_mean_square_seasonal_change():
    scale = metrics.squared_scale(HISTORY, 3)

    assert scale[0] == pytest.approx(np.sqrt(20 / 3))
    assert metrics.rmsse(np.array([[4.0]]), np.array([[0.0]]), scale)[0] == pytest.approx(4 / np.sqrt(20 / 3))


@pytest.mark.parametrize("history", [np.full((1, 9), 5.0), np.full((1, 2), 5.0), np.array([[1.0, np.nan, 2.0, np.nan]])])
def test_a_history_without_seasonal_change_has_no_scale_rather_than_an_infinite_score(history):
    scale = metrics.absolute_scale(history, 3)

    assert np.isnan(scale).all()
    assert np.isnan(metrics.mase(np.ones((1, 2)), np.zeros((1, 2)), scale)).all()


def test_wape_weighs_errors_by_volume_and_has_no_value_without_volume():
    actual = np.array([[10.0, 90.0], [0.0, 0.0]])

    score = metrics.wape(actual, np.array([[20.0, 80.0], [1.0, 1.0]]))

    assert score[0] == pytest.approx(0.2)
    assert np.isnan(score[1])


def test_smape_counts_zero_against_zero_as_a_hit_and_skips_what_was_not_observed():
    actual = np.array([[0.0, 0.0, np.nan, 1.0]])

    assert metrics.smape(actual, np.array([[0.0, 3.0, 9.0, 1.0]]))[0] == pytest.approx(2 / 3)


def test_pinball_charges_a_high_quantile_more_for_being_below():
    loss = metrics.pinball(np.array([[10.0]]), np.array([[[8.0, 8.0]]]), np.array([0.1, 0.9]))

    np.testing.assert_allclose(loss, [[[0.2, 1.8]]])


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.01, 0.99))
def test_pinball_is_never_negative_and_at_the_median_it_is_half_the_error(actual, forecast, level):
    loss = metrics.pinball(np.array([[actual]]), np.array([[[forecast, forecast]]]), np.array([level, 0.5]))

    assert (loss >= 0).all()
    assert loss[0, 0, 1] == pytest.approx(abs(actual - forecast) / 2)


def test_coverage_is_the_share_of_observed_actuals_inside():
    actual = np.array([[1.0, 5.0, np.nan, 3.0]])

    assert metrics.coverage(actual, np.full((1, 4), 1.0), np.full((1, 4), 3.0))[0] == pytest.approx(2 / 3)


def test_bias_is_positive_when_too_much_was_forecast():
    assert metrics.bias(np.array([[1.0, 1.0]]), np.array([[2.0, 4.0]]), np.array([2.0])).tolist() == [1.0]


def test_skill_is_the_share_of_the_references_error_that_is_removed():
    assert metrics.skill(np.array([0.6]), np.array([0.8]))[0] == pytest.approx(0.25)
    assert np.isnan(metrics.skill(np.array([0.6]), np.array([0.0])))[0]
