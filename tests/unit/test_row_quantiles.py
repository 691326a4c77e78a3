from __future__ import annotations

import numpy as np

from pipeline.forecasters._quantile import row_quantiles, weighted_quantiles

LEVELS = np.array([0.05, 0.25, 0.5, 0.9, 1.0])


def test_quantiles_of_rows_with_gaps_are_those_of_numpy():
    values = np.random.default_rng(1).normal(size=(50, 40))
    values[np.random.default_rng(2).random(values.shape) < 0.3] = np.nan

    np.testing.assert_allclose(row_quantiles(values, LEVELS), np.nanquantile(values, LEVELS, axis=1).T)


def test_a_row_without_values_has_no_quantiles():
    values = np.array([[np.nan, np.nan], [1.0, np.nan]])

    assert np.isnan(row_quantiles(values, LEVELS)[0]).all()
    assert row_quantiles(values, LEVELS)[1].tolist() == [1.0] * 5
    assert np.isnan(weighted_quantiles(values, np.ones(2), LEVELS)[0]).all()


def test_equal_weights_take_the_middle_of_each_share():
    values = np.array([[4.0, 1.0, 3.0, 2.0]])

    quantiles = weighted_quantiles(values, np.ones(4), np.array([0.125, 0.5, 0.875, 0.99]))

    np.testing.assert_allclose(quantiles, [[1.0, 2.5, 4.0, 4.0]])


def test_a_value_without_weight_does_not_count():
    values = np.array([[4.0, 1.0, 3.0, np.nan]])

    quantiles = weighted_quantiles(values, np.array([0.0, 1.0, 1.0, 5.0]), np.array([0.01, 0.5, 0.99]))

    np.testing.assert_allclose(quantiles, [[1.0, 2.0, 3.0]])
