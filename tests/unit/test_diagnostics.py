"""What kind of series a segment has."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.forecasting.diagnostics import describe, strengths, summarise
from pipeline.forecasting.panel import Panel

RNG = np.random.default_rng(5)
HOURS = np.arange(24 * 28)


def panel(values: np.ndarray) -> Panel:
    n = len(values)
    names = np.array([f"a/r/i-{row}/cpu_utilization" for row in range(n)])
    end = np.full(n, np.datetime64("2026-03-27T00:00:00", "us"))
    return Panel(names, np.full(n, "cpu_utilization"), end, "hour", values.astype(np.float64), np.full(n, np.inf))


def test_noise_around_a_level_is_stationary_by_both_tests_and_a_random_walk_by_neither() -> None:
    noise, walk = RNG.normal(0, 1, (6, len(HOURS))), np.cumsum(RNG.normal(0, 1, (6, len(HOURS))), axis=1)
    steady, drifting = summarise(describe(panel(noise))), summarise(describe(panel(walk)))
    assert (steady["stationary_adf"], steady["stationary_kpss"]) == (1.0, 1.0)
    assert drifting["stationary_adf"] <= 0.34
    assert drifting["stationary_kpss"] <= 0.34
    assert drifting["trend_strength"] > 0.8 > 0.3 > steady["trend_strength"]


@pytest.mark.parametrize(("amplitude", "share"), [(0.0, 0.0), (2.0, 2 / 3), (20.0, 200 / 201)])
def test_seasonality_strength_is_the_seasons_share_of_the_variance_without_trend(amplitude: float, share: float) -> None:
    series = 0.05 * HOURS + amplitude * np.sin(2 * np.pi * HOURS / 24) + RNG.normal(0, 1, len(HOURS))
    assert strengths(series, 24)[0] == pytest.approx(share, abs=0.06)


def test_a_weekly_season_of_days_is_found_with_an_odd_window() -> None:
    days = np.arange(140)
    assert strengths(np.tile([1.0, 1, 1, 1, 1, 0, 0], 20) + 0.001 * days, 7)[0] > 0.99


def test_gaps_are_looked_over_and_constant_or_short_series_left_out() -> None:
    values = np.tile(np.sin(2 * np.pi * HOURS / 24) + RNG.normal(0, 0.1, len(HOURS)), (4, 1))
    values[0, 100:130] = np.nan
    values[1] = 3.0
    values[2, : -24 * 3] = np.nan
    values[3] = np.nan
    found = describe(panel(values))
    assert found["seasonality_strength"].iloc[0] > 0.9
    assert found.iloc[1:].drop(columns="series_id").isna().all(axis=None)
    assert np.isnan(summarise(found.iloc[1:])["stationary_adf"])


def test_a_large_segment_is_looked_at_in_a_dozen_series_from_end_to_end() -> None:
    found = describe(panel(RNG.normal(0, 1, (50, len(HOURS)))))
    assert len(found) == 12
    assert (found["series_id"].iloc[0], found["series_id"].iloc[-1]) == ("a/r/i-0/cpu_utilization", "a/r/i-49/cpu_utilization")
