"""What happened once does not come back, what stays is not taken for the past, and the far future is no surer than the near."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.forecasters._fallback import never_narrower
from pipeline.forecasters._incident import without_incidents
from pipeline.forecasters._level_shift import at_present_level
from pipeline.forecasters._saturated import saturated_for
from pipeline.forecasting.panel import Floats
from pipeline.tables.columns import QUANTILES
from tests.support.panels import panel_of

LOW, MEDIAN, HIGH = (QUANTILES.index(level) for level in (0.05, 0.5, 0.95))
WEEK = {"hour": 168, "day": 7}


def busy_hours(days: int, level: float = 45.0) -> Floats:
    """A working day and quieter weekends, in percent."""
    hours = np.arange(days * 24)
    noise = np.random.default_rng(4).normal(0, 3, len(hours))
    weekend = np.where(hours // 24 % 7 >= 5, -10.0, 0.0)
    return np.clip(level + 18 * np.sin(2 * np.pi * hours / 24) + weekend + noise, 1, 100)


def busy_days(days: int) -> Floats:
    noise = np.random.default_rng(4).normal(0, 2, days)
    return 50 + 8 * np.sin(2 * np.pi * np.arange(days) / 7) + noise


def forecast(model: str, values: Floats, step: str, horizon: int) -> Floats:
    return plugs.bind("forecasters", model)(panel_of(values[None], step), horizon, QUANTILES)[0]


@pytest.mark.parametrize("model", ["default", "ridge", "seasonal_naive"])
def test_a_machine_saturated_for_38_hours_is_expected_to_stay_so_and_may_recover(model: str) -> None:
    values = busy_hours(40)
    values[-38:] = 99.6

    ahead = forecast(model, values, "hour", 168)

    assert (ahead[:, MEDIAN] >= 99).all()
    if model != "seasonal_naive":
        # It may be over at any time, and is likelier to be the further one looks.
        assert ahead[0, LOW] > 95
        assert ahead[48:120, LOW].max() < 70


def test_nightly_saturation_and_one_that_came_to_an_end_before_are_no_lasting_state() -> None:
    nightly, weekends = busy_hours(40), busy_hours(42)
    nightly[np.arange(len(nightly)) % 24 >= 16] = 100.0
    weekends[np.arange(len(weekends)) // 24 % 7 >= 5] = 100.0
    longer = weekends.copy()
    longer[-60:] = 100.0

    found = [saturated_for(panel_of(values[None], "hour")).item() for values in (nightly, weekends, longer)]

    assert found == [0, 0, 60]
    assert saturated_for(panel_of(np.full((1, 5), 100.0), "hour")).tolist() == [0]


@pytest.mark.parametrize("model", ["default", "ridge"])
@pytest.mark.parametrize("ago", [30, 5 * 24 + 3, 12 * 24])
def test_one_incident_of_six_hours_echoes_neither_in_the_median_nor_in_the_band(model: str, ago: int) -> None:
    values = busy_hours(56)
    incident = values.copy()
    incident[-ago : -ago + 6] = 92.0

    without, ahead = (forecast(model, each, "hour", 336) for each in (values, incident))

    assert np.abs(ahead[:, MEDIAN] - without[:, MEDIAN]).max() < 3
    assert np.abs(ahead[:, HIGH] - without[:, HIGH]).max() < 6


@pytest.mark.parametrize("model", ["default", "ridge"])
@pytest.mark.parametrize("ago", [2, 5, 9])
def test_one_day_with_an_incident_does_not_come_back_every_week(model: str, ago: int) -> None:
    values = busy_days(70)
    values[-ago] = 95.0

    ahead = forecast(model, values, "day", 56)

    expected = 50 + 8 * np.sin(2 * np.pi * np.arange(70, 126) / 7)
    assert np.abs(ahead[:, MEDIAN] - expected).max() < 5
    assert ahead[:, HIGH].max() < 70


def test_what_comes_again_is_not_over_yet_or_scatters_is_no_incident() -> None:
    values = busy_hours(56)
    kinds = {name: values.copy() for name in ("once", "weekly", "ongoing", "restless")}
    kinds["once"][-100:-94] = 95.0
    for week in range(1, 4):
        kinds["weekly"][-168 * week - 10 : -168 * week - 4] = 95.0
    kinds["ongoing"][-6:] = 95.0
    kinds["restless"][np.random.default_rng(1).choice(len(values), 80, replace=False)] = 95.0
    panel = panel_of(np.stack(list(kinds.values())), "hour")

    missing = np.isnan(without_incidents(panel).values)

    assert np.flatnonzero(missing[0]).tolist() == list(range(len(values) - 100, len(values) - 94))
    assert not missing[1:].any()
    assert not np.isnan(panel.values).any()


def test_less_than_five_seasons_tell_no_incident() -> None:
    values = busy_hours(4)
    values[40:44] = 99.0
    panel = panel_of(values[None], "hour")

    assert without_incidents(panel) is panel


@pytest.mark.parametrize("hours_ago", [36, 96, 11 * 24])
@pytest.mark.parametrize("shift", [30.0, -25.0])
def test_a_level_that_shifted_by_the_hour_holds_for_the_week_ahead(hours_ago: int, shift: float) -> None:
    values, future = busy_hours(56 + 7, 50.0)[: 56 * 24], busy_hours(56 + 7, 50.0)[56 * 24 :]
    values = 30 + 0.4 * (values - 30)
    values[-hours_ago:] += shift
    expected = 30 + 0.4 * (future - 30) + shift

    ahead = forecast("default", values, "hour", 168)

    assert abs(float(np.mean(ahead[:, MEDIAN] - expected))) < 3
    assert np.mean((expected >= ahead[:, LOW]) & (expected <= ahead[:, HIGH])) > 0.8


def test_only_a_shift_that_leaves_no_hour_in_reach_of_the_weeks_before_moves_them() -> None:
    values = 30 + 0.4 * (busy_hours(40) - 30)
    shifted, half, unbounded = values.copy(), values.copy(), values.copy()
    shifted[-72:] += 30
    half[-72::2] += 30
    unbounded[-72:] += 3000
    panel = panel_of(np.stack([values, shifted, half]), "hour")

    moved = at_present_level(panel) - panel.values

    assert moved[1, : -24 * 4] == pytest.approx(30, abs=2)
    assert (moved[1, -72:] == 0).all()
    assert not moved[[0, 2]].any()
    network = panel_of(unbounded[None], "hour", "network_in")
    np.testing.assert_array_equal(at_present_level(network), network.values)


@pytest.mark.parametrize("model", ["default", "ridge"])
@pytest.mark.parametrize(("step", "horizon"), [("hour", 24 * 28), ("day", 90)])
def test_a_band_is_no_narrower_than_at_the_same_hour_or_weekday_a_week_earlier(model: str, step: str, horizon: int) -> None:
    values = busy_hours(56) if step == "hour" else busy_days(200) + np.linspace(0, 10, 200)
    ahead = forecast(model, values, step, horizon)

    week = WEEK[step]
    for inner, outer in ((LOW, HIGH), (QUANTILES.index(0.25), QUANTILES.index(0.75))):
        width = ahead[:, outer] - ahead[:, inner]
        assert (width[week:] >= width[:-week] - 1e-9).all()


def test_widths_that_fall_from_week_to_week_are_levelled_and_others_left_as_they_are() -> None:
    levels = (0.05, 0.5, 0.95)
    widths = np.array([2.0, 6.0, 4.0, 8.0])
    middle = np.array([50.0, 51.0, 52.0, 53.0])
    values = np.stack([middle - widths, middle, middle + widths], axis=1)[None]

    widened = never_narrower(values, levels, 1)[0]

    np.testing.assert_allclose(widened[:, 1], middle)
    np.testing.assert_allclose(widened[:, 2] - middle, [2.0, 5.0, 5.0, 8.0])
    np.testing.assert_allclose(middle - widened[:, 0], [2.0, 5.0, 5.0, 8.0])
    np.testing.assert_array_equal(never_narrower(values, levels, 4), values)
    np.testing.assert_array_equal(never_narrower(values[..., [0, 2]], (0.05, 0.95), 1), values[..., [0, 2]])
