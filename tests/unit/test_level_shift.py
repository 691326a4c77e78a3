"""After a shift of its level a series is forecast from what it would have been at its present level."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.forecasters import _level_shift, default
from pipeline.forecasting.panel import Panel

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


def test_a_load_that_fell_by_a_sixth_is_found_to_the_week() -> None:
    factor = _level_shift.factor(utilisation(steps((130, 60.0), (70, 50.0))))[0]

    assert np.flatnonzero(np.diff(factor)) + 1 == pytest.approx(130, abs=3)
    assert factor[0] == pytest.approx(5 / 6, rel=0.03)


def fleet(loads: list[Floats]) -> Panel:
    """One machine per load."""
    machines = [utilisation(load, seed=seed) for seed, load in enumerate(loads)]
    n, one = len(machines), machines[0]
    names = np.array([f"i-{row}" for row in range(n)])
    values = np.concatenate([machine.values for machine in machines])
    return Panel(names, np.repeat(one.metric, n), np.repeat(one.end, n), "day", values, np.repeat(one.upper, n))


def test_what_the_whole_fleet_does_for_a_week_is_the_calendars_doing_and_what_one_does_for_good_is_a_shift() -> None:
    dip = steps((120, 60.0), (8, 40.0), (72, 60.0))
    for_good = dip * np.where(np.arange(DAYS) >= 150, 0.75, 1.0)

    factor = _level_shift.factor(fleet([for_good, *[dip] * 19]))

    assert np.flatnonzero((factor != 1).any(axis=1)).tolist() == [0]
    assert factor[0, 0] == pytest.approx(0.75, rel=0.03)


@pytest.mark.parametrize("moved", [9, 20, 30, 40])
def test_a_shift_of_many_machines_is_taken_back_in_these_and_not_forced_on_the_others(moved: int) -> None:
    before, after = steps((DAYS, 40.0)), steps((DAYS - 40, 40.0), (40, 52.0))

    factor = _level_shift.factor(fleet([after] * moved + [before] * (40 - moved)))[:, 0]

    assert np.median(factor[:moved]) == pytest.approx(1.3, rel=0.05)
    assert factor[moved:] == pytest.approx(1.0, rel=0.01)


def test_machines_that_began_lately_say_nothing_about_the_days_before() -> None:
    noise = np.exp(np.random.default_rng(3).normal(0, 0.15, DAYS))
    short = [np.where(np.arange(DAYS) < DAYS - 45, np.nan, 40.0)] * 9

    assert (_level_shift.factor(fleet([40 * noise, *short])) == 1).all()


def test_a_disk_that_is_cleaned_again_and_again_has_no_shift() -> None:
    cycles = np.tile(np.linspace(40.0, 70.0, 90), 5)

    assert (_level_shift.factor(utilisation(cycles)) == 1).all()


def test_levels_that_wander_are_seldom_taken_for_shifts() -> None:
    shifted = 0
    for seed in range(50):
        draw = np.random.default_rng(seed)
        level = np.zeros(400)
        for day in range(1, 400):
            level[day] = 0.95 * level[day - 1] + draw.normal(0, 0.05)
        shifted += bool((_level_shift.factor(utilisation(40 * np.exp(level), seed=seed)) != 1).any())
    assert shifted <= 10


def test_two_resizes_of_one_machine_are_both_taken_back() -> None:
    factor = _level_shift.factor(utilisation(steps((70, 80.0), (70, 40.0), (60, 20.0))))[0]

    assert factor[[0, 100, 199]] == pytest.approx([0.25, 0.5, 1.0], rel=0.08)


def test_a_size_that_was_taken_back_leaves_what_was_before_as_it_is() -> None:
    factor = _level_shift.factor(utilisation(steps((90, 60.0), (30, 30.0), (80, 60.0))))[0]

    assert factor[[0, 100, 199]] == pytest.approx([1.0, 2.0, 1.0], rel=0.08)


def test_a_resized_machine_is_not_expected_to_come_back_to_its_old_level() -> None:
    said = default.forecast(utilisation(steps((DAYS - 20, 60.0), (20, 30.0))), 28, QUANTILES)[0]

    assert said[:, 2].max() < 36
    assert said[:, 1].max() == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize(
    "level",
    [
        pytest.param(steps((DAYS - 3, 40.0), (3, 90.0)), id="an incident of three days"),
        pytest.param(steps((DAYS - 7, 40.0), (4, 95.0), (3, 40.0)), id="an incident of four days that is over"),
        pytest.param(steps((DAYS - 30, 40.0), (5, 80.0), (25, 40.0)), id="an incident of five days, almost a month ago"),
        pytest.param(40 * 1.05 ** (np.arange(DAYS) / 30.4), id="growth of five per cent a month"),
        pytest.param(40 * 1.2 ** (np.arange(DAYS) / 30.4), id="growth of a fifth a month"),
        pytest.param(steps((100, 60.0), (100, 56.0)), id="a load that fell by a fifteenth"),
        pytest.param(np.zeros(DAYS), id="nothing at all"),
        pytest.param(np.full(DAYS, np.nan), id="nothing observed"),
        pytest.param(np.full(20, 50.0), id="too short a history"),
    ],
)
def test_is_no_level_shift(level: Floats) -> None:
    assert (_level_shift.factor(utilisation(level)) == 1).all()


def test_what_is_not_measured_against_a_capacity_is_never_rebased() -> None:
    panel = utilisation(steps((150, 60.0), (50, 30.0)), upper=np.inf)

    assert (_level_shift.factor(panel) == 1).all()


def test_a_quiet_year_end_is_no_level_shift() -> None:
    panel = utilisation(steps((DAYS - 8, 60.0), (8, 30.0)))
    new_year = Panel(
        panel.series_id, panel.metric, np.array([np.datetime64("2025-12-31", "us")]), "day", panel.values, panel.upper
    )

    assert (_level_shift.factor(new_year) == 1).all()
