"""Whether lower losses are more than chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.forecasting.backtest import backtest
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.significance import diebold_mariano, p_value, wilcoxon
from pipeline.tables.columns import QUANTILES


def panel(series: int, periods: int = 600) -> Panel:
    names = np.array([f"a/r/i-{row}/cpu_utilization" for row in range(series)])
    end = np.full(series, np.datetime64("2026-03-27T00:00:00", "us"))
    values = np.random.default_rng(0).normal(50, 5, (series, periods))
    return Panel(names, np.full(series, "cpu_utilization"), end, "hour", values, np.full(series, 100.0))


def constant(level: float):  # type: ignore[no-untyped-def]
    return lambda past, horizon, quantiles: np.full((len(past), horizon, len(quantiles)), level)


@pytest.mark.parametrize("series", [1, 6, 12])
def test_the_better_of_two_forecasters_has_a_low_p_the_worse_a_high_one_and_an_equal_one_is_not_better(series: int) -> None:
    models = {"good": constant(50.0), "same": constant(50.0), "bad": constant(70.0)}
    result = backtest(panel(series), models, 24, 4, QUANTILES)
    assert p_value(result, "good", "bad") < 0.01
    assert p_value(result, "bad", "good") > 0.99
    assert p_value(result, "same", "good") == 1.0


def test_five_wins_out_of_five_have_the_probability_of_five_heads() -> None:
    assert wilcoxon(np.array([[-1.0, -2.0, -3.0], [-4.0, -5.0, np.nan]])) == pytest.approx(1 / 32)
    assert np.isnan(wilcoxon(np.array([-1.0, -2.0, -3.0, -4.0])))


def test_windows_of_one_series_that_err_alike_are_no_evidence_of_their_own() -> None:
    models = {"model": constant(50.0), "other": constant(50.0)}
    result = backtest(panel(30), models, 24, 4, QUANTILES)
    rng, called_better = np.random.default_rng(4), 0
    for _ in range(200):
        shift = rng.normal(0, 5, 30)[None, :, None]
        moved = replace(result, actuals=50 + shift + rng.normal(0, 1, result.actuals.shape))
        # One forecasts a bit more, the other a bit less, by lot: which is better follows the sign of a series' shift.
        side = rng.choice([-1.0, 1.0], (1, 30, 1, 1))
        result.forecasts["model"][:], result.forecasts["other"][:] = 50 + side, 50 - side
        called_better += p_value(moved, "model", "other") < 0.05
    assert called_better / 200 < 0.1


def test_one_huge_loss_does_not_outweigh_many_small_gains() -> None:
    assert wilcoxon(np.append(-np.linspace(0.1, 0.2, 19), 1000.0)) < 0.01


def test_at_a_horizon_of_one_diebold_mariano_is_a_t_test_of_the_differences() -> None:
    difference = np.random.default_rng(1).normal(-0.2, 1, (60, 1))
    expected = stats.ttest_1samp(difference.ravel(), 0.0, alternative="less").pvalue
    assert diebold_mariano(difference, 1) == pytest.approx(expected, abs=1e-9)


def test_differences_that_come_in_runs_prove_less_than_independent_ones() -> None:
    rng = np.random.default_rng(2)
    independent = rng.normal(-0.3, 1, (8, 24))
    in_runs = np.repeat(rng.normal(-0.3, 1, (8, 1)), 24, axis=1) + 0.01 * independent
    in_runs += independent.mean() - in_runs.mean()
    assert diebold_mariano(in_runs, 24) > diebold_mariano(independent, 24)
    assert np.isnan(diebold_mariano(independent[:1], 24))


def test_equal_forecasters_are_called_better_about_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(3)
    by_rank = [wilcoxon(rng.standard_t(3, 40)) < 0.05 for _ in range(300)]
    by_time = [diebold_mariano(rng.normal(size=(8, 24)), 24) < 0.05 for _ in range(300)]
    assert 0.02 < np.mean(by_rank) < 0.09
    assert np.mean(by_time) < 0.12
