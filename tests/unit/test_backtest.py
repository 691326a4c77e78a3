from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.forecasting.backtest import actual_frame, backtest, forecast_frame, lead_scores, scores, summary
from pipeline.forecasting.panel import Panel
from pipeline.tables.columns import QUANTILES


def panel_of(values: np.ndarray) -> Panel:
    n = len(values)
    end = np.datetime64("2026-03-01", "us") + np.arange(n) * np.timedelta64(1, "D")
    names = np.array([f"s{row}" for row in range(n)])
    return Panel(names, np.full(n, "cost"), end, "day", values.astype(np.float64), np.full(n, np.inf))


def last(past: Panel, horizon: int, quantiles: tuple[float, ...]) -> np.ndarray:
    value = np.where(np.isnan(past.values[:, -1]), 0.0, past.values[:, -1])
    return np.broadcast_to(value[:, None, None], (len(past), horizon, len(quantiles))).copy()


def test_windows_are_counted_back_from_each_series_own_end_and_do_not_overlap():
    panel = panel_of(np.stack([np.arange(30), np.arange(30)]))

    frame = forecast_frame(backtest(panel, {"last": last}, horizon=5, windows=3))

    first = frame.loc[frame["series_id"] == "s0"]
    assert first["cutoff"].dt.strftime("%m-%d").unique().tolist() == ["02-14", "02-19", "02-24"]
    assert first["ts"].max().isoformat() == "2026-03-01T00:00:00"
    assert frame.loc[frame["series_id"] == "s1", "ts"].max().isoformat() == "2026-03-02T00:00:00"
    assert len(frame) == 2 * 3 * 5 * len(QUANTILES)
    assert (first.loc[first["cutoff"] == "2026-02-14", "value"] == 14.0).all()


def test_the_cutoff_is_the_last_training_observation_even_before_a_gap():
    values = np.arange(30.0)[None].copy()
    values[0, 24] = np.nan

    result = backtest(panel_of(values), {"last": last}, horizon=5, windows=1)

    assert result.cutoffs[0, 0] == np.datetime64("2026-02-23")
    assert result.ts[0, 0, 0] == np.datetime64("2026-02-25")


def test_a_short_series_gets_the_windows_that_fit_and_a_window_without_actuals_does_not_count():
    values = np.stack([np.arange(30.0)] * 3)
    values[1, :18] = np.nan
    values[2, -5:] = np.nan

    result = backtest(panel_of(values), {"last": last}, horizon=5, windows=4)

    assert result.windows.tolist() == [4, 1, 3]
    assert scores(result)["windows"].tolist() == [4, 1, 3]


def test_models_see_nothing_after_the_cutoff():
    seen = []

    def spy(past: Panel, horizon: int, quantiles: tuple[float, ...]) -> np.ndarray:
        seen.append(past.values.max())
        return last(past, horizon, quantiles)

    backtest(panel_of(np.arange(30)[None]), {"spy": spy}, horizon=5, windows=2)

    assert seen == [19.0, 24.0]


def test_a_series_that_repeats_itself_is_scored_without_scale_and_says_why():
    panel = panel_of(np.stack([np.full(30, 5.0), np.arange(30.0)]))

    table = scores(backtest(panel, {"last": last}, horizon=5, windows=2)).set_index("series_id")

    assert np.isnan(table.loc["s0", "mase"])
    assert table.loc["s0", "wape"] == 0.0
    assert "no scale" in table.loc["s0", "reason"]
    # Each of five days is missed by its lead time; a week's change is 7.
    assert table.loc["s1", "mase"] == pytest.approx(3 / 7)
    assert table.loc["s1", "reason"] == ""


def test_skill_is_measured_against_the_floor_of_the_same_segment():
    panel = panel_of(np.arange(30)[None])

    def worse(past: Panel, horizon: int, quantiles: tuple[float, ...]) -> np.ndarray:
        return 0 * last(past, horizon, quantiles)

    table = summary(scores(backtest(panel, {"seasonal_naive": worse, "last": last}, 5, 2))).set_index("model")

    assert table.loc["seasonal_naive", "skill_mase"] == 0.0
    assert 0.8 < table.loc["last", "skill_mase"] < 1.0
    overall = summary(scores(backtest(panel, {"last": last}, 5, 2)), by=())
    assert np.isnan(overall.loc[0, "skill_mase"])


def test_errors_are_told_by_lead_time():
    table = lead_scores(backtest(panel_of(np.arange(30)[None]), {"last": last}, horizon=5, windows=2))

    np.testing.assert_allclose(table["mase"], np.arange(1, 6) / 7)
    assert table["coverage_90"].tolist() == [0.0] * 5


def test_actuals_are_told_once_per_window():
    values = np.arange(30.0)[None].copy()
    values[0, -1] = np.nan

    frame = actual_frame(backtest(panel_of(values), {"last": last}, horizon=5, windows=2))

    assert frame["value"].tolist() == [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0]


def test_cpu_seconds_are_shared_by_the_series_and_progress_is_told_per_window():
    ticks = iter(range(100))
    told = []

    result = backtest(
        panel_of(np.stack([np.arange(30)] * 2)),
        {"last": last},
        5,
        3,
        progress=lambda done, of, model: told.append((done, of, model)),
        cpu_clock=lambda: float(next(ticks)),
    )

    assert result.cpu_s["last"].tolist() == [1.5, 1.5]
    assert told == [(1, 3, "last"), (2, 3, "last"), (3, 3, "last")]


def test_a_backtest_without_windows_or_without_the_scored_quantiles_is_refused():
    with pytest.raises(ConfigError, match="at least 1"):
        backtest(panel_of(np.arange(30)[None]), {"last": last}, horizon=0, windows=2)
    with pytest.raises(ConfigError, match="scores the quantiles"):
        backtest(panel_of(np.arange(30)[None]), {"last": last}, 5, 2, quantiles=(0.5, 0.9))
