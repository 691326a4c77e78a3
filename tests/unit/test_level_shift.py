"""After a shift of its level a series is forecast from what it would have been at its present level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.forecasters import _level_shift, default
from pipeline.panel import Panel

Floats = npt.NDArray[np.float64]
DAYS = 200
QUANTILES = (0.05, 0.5, 0.95)


def utilisation(level: Floats, upper: float = 100.0, seed: int = 1) -> Panel:
    """One daily series with a quieter weekend and noise of 3 %, ending in the middle of June."""
    weekday = np.arange(len(level)) % 7
    noise = np.exp(np.random.default_rng(seed).normal(0, 0.03, len(level)))
    values = level * np.where(weekday >= 5, 0.7, 1.0) * noise
    end = np.array([np.datetime64("2026-06-15", "us")])
    return Panel(np.array(["a/i-1/cpu"]), np.array(["cpu"]), end, "day", values[None], np.array([upper]))


def steps(*levels: tuple[int, float]) -> Floats:
    """Each level for so many days."""
    return np.concatenate([np.full(days, level) for days, level in levels])


@pytest.mark.parametrize("since", [8, 20, 90])
def test_after_a_doubling_the_past_counts_half(since: int) -> None:
    factor = _level_shift.factor(utilisation(steps((DAYS - since, 60.0), (since, 30.0))))[0]

    assert np.flatnonzero(np.diff(factor)) + 1 == pytest.approx(DAYS - since, abs=1)
    assert factor[0] == pytest.approx(0.5, rel=0.06)
    assert factor[-1] == 1


def test_two_level_shifts_of_one_machine_are_both_taken_back() -> None:
    factor = _level_shift.factor(utilisation(steps((70, 80.0), (70, 40.0), (60, 20.0))))[0]

    assert factor[[0, 100, 199]] == pytest.approx([0.25, 0.5, 1.0], rel=0.08)


def test_a_size_that_was_taken_back_leaves_what_was_before_as_it_is() -> None:
    factor = _level_shift.factor(utilisation(steps((90, 60.0), (30, 30.0), (80, 60.0))))[0]

    assert factor[[0, 100, 199]] == pytest.approx([1.0, 2.0, 1.0], rel=0.08)


def test_a_level_shiftd_machine_is_not_expected_to_come_back_to_its_old_level() -> None:
    said = default.forecast(utilisation(steps((DAYS - 20, 60.0), (20, 30.0))), 28, QUANTILES)[0]

    assert said[:, 2].max() < 36
    assert said[:, 1].max() == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(steps((DAYS - 3, 40.0), (3, 90.0)), id="an incident of three days"),
        pytest.param(40 * 1.05 ** (np.arange(DAYS) / 30.4), id="growth of five per cent a month"),
        pytest.param(40 * 1.2 ** (np.arange(DAYS) / 30.4), id="growth of a fifth a month"),
        pytest.param(40 * np.exp(np.random.default_rng(5).normal(0, 0.05, DAYS).cumsum()), id="a level that wanders"),
        pytest.param(steps((100, 60.0), (100, 56.0)), id="a load that fell by a fifteenth"),
        pytest.param(np.zeros(DAYS), id="nothing at all"),
        pytest.param(np.full(DAYS, np.nan), id="nothing observed"),
        pytest.param(np.full(20, 50.0), id="too short a history"),
    ],
)
def test_is_no_level_shift(level: Floats) -> None:
    assert (_level_shift.factor(utilisation(level))[0, -20:] == 1).all()
    assert _level_shift.factor(utilisation(level))[0] == pytest.approx(1.0, rel=0.1)


def test_what_is_not_measured_against_a_capacity_is_never_rebased() -> None:
    panel = utilisation(steps((150, 60.0), (50, 30.0)), upper=np.inf)

    assert (_level_shift.factor(panel) == 1).all()


def test_a_quiet_year_end_is_no_level_shift() -> None:
    panel = utilisation(steps((DAYS - 8, 60.0), (8, 30.0)))
    new_year = Panel(
        panel.series_id, panel.metric, np.array([np.datetime64("2025-12-31", "us")]), "day", panel.values, panel.upper
    )

    assert (_level_shift.factor(new_year) == 1).all()
