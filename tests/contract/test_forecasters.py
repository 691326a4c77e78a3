"""What every file in pipeline/forecasters promises, whatever model it holds."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.forecasters._fallback import limits, settle
from pipeline.forecasting.panel import STEP, Panel
from pipeline.forecasting.tier import TIERS, tier
from pipeline.tables.columns import QUANTILES, Granularity

NAMES = plugs.names("forecasters")
HORIZON = {"hour": 30, "day": 10}
#: The contract holds for any number of trees; these are the fewest that still learn.
QUICK = {
    "gradient_boosting": {"trees": 8, "rows": 600},
    "lightgbm": {"trees": 8, "rows": 600},
    # With fewer trees some row is in every bag and has no out-of-bag error.
    "random_forest": {"trees": 40, "rows": 400},
}


def forecast(name: str, panel: Panel, horizon: int) -> np.ndarray:
    return plugs.load("forecasters", name).forecast(panel, horizon, QUANTILES, **QUICK.get(name, {}))


def panel_of(values: np.ndarray, step: Granularity, metric: str = "cpu_utilization") -> Panel:
    n = len(values)
    end = np.full(n, np.datetime64("2026-03-27T00:00:00", "us"))
    upper = np.full(n, 100.0 if metric == "cpu_utilization" else np.inf)
    names = np.array([f"a/r/i-{row}/{metric}" for row in range(n)])
    return Panel(names, np.full(n, metric), end, step, np.asarray(values, dtype=np.float64), upper)


def seasonal(step: Granularity, n: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    periods, season = (24 * 15, 24) if step == "hour" else (130, 7)
    wave = np.sin(2 * np.pi * np.arange(periods) / season)
    return np.clip(40 + 15 * wave + rng.normal(0, 4, (n, periods)) + rng.normal(0, 5, (n, 1)), 0, 100)


def awkward(step: Granularity) -> Panel:
    """One series for every way in which history can fail a model."""
    values = seasonal(step, 12)
    season = 24 if step == "hour" else 7
    values[1] = np.nan
    values[1, -1] = 30.0
    values[2, : -season + 2] = np.nan
    values[3, : -2 * season + 2] = np.nan
    values[4] = 0.0
    values[5] = 55.5
    values[6, -values.shape[1] // 3 :] = 3.0
    values[7, np.random.default_rng(2).random(values.shape[1]) < 0.7] = np.nan
    values[8, np.random.default_rng(3).random(values.shape[1]) < 0.85] = 0.0
    values[9] = np.nan
    values[10, -season:] = np.nan
    values[11, 40:44] = np.nan
    return panel_of(values, step)


def shuffled_future(panel: Panel) -> Panel:
    """The same history, with other values after it."""
    return panel_of(np.concatenate([panel.values, 100 - panel.values[:, :20]], axis=1), panel.step)


@pytest.fixture(params=["hour", "day"])
def step(request: pytest.FixtureRequest) -> Granularity:
    return request.param


@pytest.mark.parametrize("name", NAMES)
def test_every_series_gets_a_finite_answer_within_bounds_whose_quantiles_do_not_cross(name: str, step: Granularity):
    panel = awkward(step)

    answer = forecast(name, panel, HORIZON[step])

    assert answer.shape == (len(panel), HORIZON[step], len(QUANTILES))
    assert np.isfinite(answer).all()
    assert (np.diff(answer, axis=2) >= 0).all()
    assert (answer >= 0).all()
    assert (answer <= 100).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_exceeds_one_and_a_half_times_the_historical_maximum(name: str):
    rng = np.random.default_rng(4)
    values = np.where(rng.random((4, 140)) < 0.9, 0.0, 1000.0) + rng.random((4, 140))
    values[1, -3:] = [10.0, 500.0, 4000.0]
    panel = panel_of(values, "day", "cost")

    answer = forecast(name, panel, 90)

    assert (answer <= 1.5 * values.max(axis=1)[:, None, None] + 1e-9).all()
    assert (answer >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_what_happens_after_the_cutoff_does_not_change_a_forecast(name: str, step: Granularity):
    past = panel_of(seasonal(step, 3), step)
    longer = shuffled_future(past)
    longer = Panel(longer.series_id, longer.metric, longer.end + 20 * STEP[step], step, longer.values, longer.upper)

    expected = forecast(name, past, 8)

    np.testing.assert_array_equal(forecast(name, longer.truncate(20), 8), expected)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_panel_gives_the_same_forecast(name: str):
    panel = panel_of(seasonal("day", 3), "day")

    first = forecast(name, panel, 8)
    np.random.default_rng().random()
    np.random.random(3)

    np.testing.assert_array_equal(forecast(name, panel, 8), first)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_series_does_not_matter(name: str):
    panel = panel_of(seasonal("day", 4), "day")
    order = np.array([2, 0, 3, 1])

    answer = forecast(name, panel.take(order), 8)

    np.testing.assert_allclose(answer, forecast(name, panel, 8)[order], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_forecaster_leaves_its_panel_as_it_was(name: str):
    panel = awkward("day")
    before = panel.values.copy()

    forecast(name, panel, 3)

    np.testing.assert_array_equal(panel.values, before)


@pytest.mark.parametrize("name", NAMES)
def test_a_forecaster_says_what_it_is(name: str):
    assert plugs.load("forecasters", name).__doc__


def test_every_awkward_history_has_its_named_tier():
    panel = awkward("hour")

    assert tier(panel).tolist() == [
        "full",
        "constant",
        "new",
        "short",
        "constant",
        "constant",
        "dead",
        "gappy",
        "full",
        "empty",
        "full",
        "full",
    ]
    assert set(tier(panel)) <= set(TIERS)


def test_a_series_that_is_almost_always_zero_is_intermittent_unless_the_rest_has_a_season():
    rng, hours = np.random.default_rng(3), 24 * 40
    nightly = np.where(np.arange(hours) % 24 == 2, 60.0, 0.0)
    now_and_then = np.zeros(hours)
    now_and_then[rng.choice(hours, 40, replace=False)] = rng.uniform(20, 90, 40)
    often = np.where(rng.random(hours) < 0.3, 50.0, 0.0)

    panel = panel_of(np.stack([nightly, now_and_then, often]), "hour")

    assert tier(panel).tolist() == ["full", "intermittent", "full"]
    nothing_known = np.full((3, 24, len(QUANTILES)), np.nan)
    answer = settle(panel, nothing_known, QUANTILES)
    assert (answer[1] == answer[1, 0]).all()
    assert answer[1, 0, QUANTILES.index(0.5)] == 0
    np.testing.assert_array_equal(forecast("default", panel, 24)[1], answer[1])


@pytest.mark.parametrize("name", ["seasonal_naive", "prophet"])
def test_what_others_are_measured_against_answers_intermittent_series_itself(name: str):
    values = np.zeros((1, 24 * 14))
    values[0, [30, 101, 203, 290, 334]] = 50.0
    panel = panel_of(values, "hour")

    assert tier(panel).tolist() == ["intermittent"]
    assert not np.array_equal(forecast(name, panel, 24), settle(panel, np.full((1, 24, len(QUANTILES)), np.nan), QUANTILES))


def test_a_series_that_grows_season_by_season_may_grow_beyond_the_usual_ceiling():
    days = np.arange(140.0)
    panel = panel_of(np.stack([100 + 10 * days, 100 + 10 * days[::-1]]), "day", "cost")

    _, ceiling = limits(panel)

    assert ceiling.tolist() == [3 * 1490.0, 1.5 * 1490.0]


def test_a_series_that_went_negative_has_room_below_and_one_that_never_did_stops_at_zero():
    credits = np.tile([-10.0, 0.0, 10.0, 5.0], 20)
    panel = panel_of(np.stack([credits, np.abs(credits)]), "day", "cost")

    floor, ceiling = limits(panel)

    assert floor.tolist() == [-20.0, 0.0]
    assert ceiling.tolist() == [15.0, 15.0]
